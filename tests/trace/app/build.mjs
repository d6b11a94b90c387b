// Builds as any bundler does: what the environment says is baked into the page.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const { VITE_SUPABASE_URL: url, VITE_SUPABASE_ANON_KEY: key } = process.env;
if (!url || !key) throw new Error("VITE_SUPABASE_URL and VITE_SUPABASE_ANON_KEY are not set");
mkdirSync("dist", { recursive: true });
const page = readFileSync("page.html", "utf8");
writeFileSync("dist/index.html", page.replace("%URL%", () => url).replace("%KEY%", () => key));
copyFileSync("supabase.js", "dist/supabase.js");
