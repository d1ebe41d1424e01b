// Puts what /docs and /redoc load beside the built pages, so that no browser fetches it from elsewhere.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "..", "node_modules");
const out = join(here, "..", "..", "src", "evenfall", "server", "ui", "docs");

mkdirSync(out, { recursive: true });
for (const file of ["swagger-ui-bundle.js", "swagger-ui.css"])
  cpSync(join(packages, "swagger-ui-dist", file), join(out, file));

// Redoc shows its maker's logo from the maker's host; an empty image leaves the page as it is.
const logo = /https:\/\/cdn\.redoc\.ly\/[^"]*\.svg/g;
const redoc = readFileSync(join(packages, "redoc", "bundles", "redoc.standalone.js"), "utf8");
if (!logo.test(redoc)) throw new Error("redoc's bundle has no logo where it was: look at what it loads now");
writeFileSync(join(out, "redoc.standalone.js"), redoc.replace(logo, "data:,"));
