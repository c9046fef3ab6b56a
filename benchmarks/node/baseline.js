// The same as script_baseline.py in Node: mqtt.js, one call of ONNX Runtime per message. Same arguments, same lines of
// progress. mqtt.js acknowledges a message before the call has ended, which promises less than the script.
const mqtt = require("mqtt");
const ort = require("onnxruntime-node");

const [port, clientId, model, topic, every] = process.argv.slice(2);

async function main() {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  const labels = new Array(256).fill(0);
  let windows = 0;
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId, clean: false });
  client.on("connect", () => client.subscribe(topic, { qos: 1 }));
  client.on("message", async (_topic, payload) => {
    const samples = new Float32Array(payload.buffer.slice(payload.byteOffset + 48, payload.byteOffset + payload.length));
    const x = new ort.Tensor("float32", samples, [1, 1, samples.length]);
    const { probabilities } = await session.run({ x }, ["probabilities"]);
    labels[probabilities.data.indexOf(Math.max(...probabilities.data))] += 1;
    windows += 1;
    if (windows % Number(every) === 0) {
      const cpu = process.cpuUsage();
      console.log(windows, Number(process.hrtime.bigint()) / 1e9, (cpu.user + cpu.system) / 1e6);
    }
  });
}

main();
