// An OPC UA client of another author: it follows the alarms of drsn-opcua, requests a refresh, and acknowledges.
// Arguments: endpoint, and "encrypted" with user name, password and a folder for its certificates. One JSON object a line.
import certificates from "node-opcua-certificate-manager";
import opcua from "node-opcua-client";

const {
  AttributeIds, MessageSecurityMode, OPCUAClient, SecurityPolicy, TimestampsToReturn,
  acknowledgeCondition, callConditionRefresh, constructEventFilter, ofType, resolveNodeId,
} = opcua;

const [endpoint, mode, userName, password, folder] = process.argv.slice(2);
const say = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

const encrypted = mode === "encrypted";
const options = { endpointMustExist: false, connectionStrategy: { maxRetry: 1 }, clientName: "drsn-test" };
if (encrypted) {
  const clientCertificateManager = new certificates.OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true });
  await clientCertificateManager.initialize();
  Object.assign(options, {
    securityMode: MessageSecurityMode.SignAndEncrypt, securityPolicy: SecurityPolicy.Basic256Sha256, clientCertificateManager,
  });
}
const client = OPCUAClient.create(options);
await client.connect(endpoint);
const session = await client.createSession(encrypted ? { type: 1, userName, password } : undefined);
say("session");

const subscription = await session.createSubscription2({
  requestedPublishingInterval: 50, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 20, publishingEnabled: true,
  maxNotificationsPerPublish: 1000,
});
const names = ["EventId", "EventType", "SourceName", "Severity", "Retain", "ConditionName", "AckedState.Id", "ActiveState.Id"];
// OfType includes the subtypes: an AlarmConditionType is a ConditionType. Refresh events pass every filter.
const filter = constructEventFilter([...names, "ConditionId"], ofType("ConditionType"));
const item = await subscription.monitor(
  { nodeId: resolveNodeId("Server"), attributeId: AttributeIds.EventNotifier },
  { filter, queueSize: 100, discardOldest: true, samplingInterval: 0 }, TimestampsToReturn.Both,
);
const types = { "ns=0;i=2787": "RefreshStart", "ns=0;i=2788": "RefreshEnd", "ns=0;i=2915": "Alarm" };
let standing = null;
let acknowledged = false;
item.on("changed", async (fields) => {
  const [eventId, eventType, source, severity, retain, name, acked, active] = fields.map((field) => field.value);
  const condition = fields.at(-1).value;
  const kind = types[eventType.toString()] ?? eventType.toString();
  say(kind, { source, severity, retain, name, acked, active, condition: condition?.toString() });
  if (kind === "Alarm" && name !== "inner_race") return; // the sensor may become silent meanwhile
  if (kind === "Alarm" && active && !acked) standing = { condition, eventId };
  if (kind === "RefreshEnd" && standing && !acknowledged) {
    acknowledged = true;
    const status = await acknowledgeCondition(session, standing.condition, standing.eventId, "seen by node-opcua");
    say("acknowledged", { status: status.name });
    const again = await acknowledgeCondition(session, standing.condition, standing.eventId, "again");
    say("again", { status: again.name });
  }
  if (kind === "Alarm" && acked) await leave();
});
say("refresh", { status: String((await callConditionRefresh(session, subscription.subscriptionId)) ?? "Good") });

async function leave() {
  await new Promise((resolve) => setTimeout(resolve, 500)); // for the answer of the second acknowledgement
  await subscription.terminate();
  await session.close();
  await client.disconnect();
  process.exit(0);
}
