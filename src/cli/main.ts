#!/usr/bin/env node
/** The `hushgrad` command's entry: see program.ts. */
import { main } from "./program.js";

process.exitCode = await main(process.argv.slice(2));
