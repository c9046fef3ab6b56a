// Parses an AsyncAPI document; prints each diagnostic, and ends with 1 if there is one.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const found of diagnostics) console.log(found.severity, found.code, found.path.join("."), found.message);
process.exit(diagnostics.length > 0 ? 1 : 0);
