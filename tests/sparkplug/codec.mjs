// Eclipse Tahu's codec of Sparkplug B. Each line on stdin is hex of a payload (decode) or JSON of one (encode); so is each line out.
import { createInterface } from "node:readline";
import sparkplug from "sparkplug-payload";

const { decodePayload, encodePayload } = sparkplug.get("spBv1.0");
const plain = (_, value) => (value && value.constructor?.name === "Long" ? value.toNumber() : value);
for await (const line of createInterface({ input: process.stdin })) {
    if (process.argv[2] === "decode") console.log(JSON.stringify(decodePayload(Buffer.from(line, "hex")), plain));
    else console.log(Buffer.from(encodePayload(JSON.parse(line))).toString("hex"));
}
