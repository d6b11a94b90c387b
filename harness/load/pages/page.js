"use strict";
// Reads the run's figures once a second and writes them into the page, as text only.
const at = (id) => document.getElementById(id);
const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
const ms = (value) => (value === null ? "–" : value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString("en")} ms`);
const share = (value) => (value === null ? "–" : `${+(value * 100).toFixed(3)} %`);
const times = (value) => (value === null ? "–" : `${(value * 100).toFixed(0)} %`);
const shown = (one, value) => (one.kind === "latency" ? ms(value) : share(value));

function cell(text, kind = "") {
  const made = document.createElement("td");
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function rows(id, found) {
  const body = at(id).tBodies[0];
  body.replaceChildren(...found.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  }));
}

function figure(name, value) {
  const box = document.createElement("div");
  const big = document.createElement("b");
  big.textContent = value;
  box.append(big, name);
  box.dataset.figure = name;
  return box;
}

const WORDS = { met: "met", missed: "missed", few: "too few samples", none: "no samples yet", afterwards: "told at the end" };

function margin(one) {
  if (one.on_failure) return "–";
  if (one.margin === null) return "–";
  return (one.margin < 0 ? "−" : "+") + shown(one, Math.abs(one.margin));
}

function show(now) {
  const left = Math.max(0, now.end_s - now.at_s);
  const doubt = now.doubts.length ? ", generator in doubt" : "";
  at("title").firstChild.textContent = `Verdict: ${now.stands}${doubt} `;
  at("title").className = now.stands;
  const phase = now.phase === "starting" ? "begins shortly" : now.phase;
  at("about").textContent = now.stopping
    ? `${now.run_id}: ${now.stopping}`
    : now.end_s
      ? `${now.profile} on ${now.target}, ${phase}, ${Math.round(now.at_s)} of at most ${Math.round(now.end_s)} s (${Math.round(left)} s left)`
      : `${now.profile}, on ${now.target}, for ${Math.round(now.at_s)} s: nothing is recorded or judged; harness run --web does`;
  at("progress").hidden = !now.end_s;
  at("progress").value = now.end_s > 0 ? Math.min(1, Math.max(0, now.at_s / now.end_s)) : 0;
  at("figures").replaceChildren(
    figure("requests a second", number(now.per_second)),
    figure("requests", number(now.attempts)),
    figure("failed", number(now.failed)),
    figure("sessions open", number(now.sessions)),
    figure("sessions begun of those due", `${number(now.started)} / ${number(now.due)}`),
    figure("late starts, p99", ms(now.lateness.quantiles_ms[2])),
    figure("Realtime sockets", number(now.sockets)),
    figure("Realtime channels", number(now.channels)),
    figure("frames a second", number(now.frames_per_second)),
    figure("open descriptors", number(now.connections)),
  );
  rows("slos", now.slos.map((one) => [
    cell(`${one.name}: ${one.objective}`),
    cell(one.on_failure ? "no answer" : shown(one, one.value)),
    cell(shown(one, one.limit)),
    cell(margin(one), one.stands),
    cell(times(one.spent)),
    cell(times(one.recent_spent)),
    cell(number(one.samples)),
    cell(WORDS[one.stands], one.stands),
  ]));
  rows("health", now.health.map((one) => [cell(one.check), cell(one.value), cell(one.bound), cell(one.level, one.level)]));
  rows("workers", now.workers.map((one) => [
    cell(String(one.worker)), cell(one.host), cell(number(one.sessions)), cell(number(one.sockets)),
    cell(one.cpu_share === null ? "–" : times(one.cpu_share)),
    cell(one.present ? `${Math.max(0, now.at_s - (one.heard_s ?? now.at_s)).toFixed(0)} s ago` : "lost", one.present ? "" : "missed"),
  ]));
  at("faults").replaceChildren(...(now.faults.length ? now.faults : [null]).map(fault));
  byHand(now.hand_faults);
}

function fault(one) {
  const item = document.createElement("li");
  if (one === null) {
    item.textContent = "none";
    return item;
  }
  const until = one.left_s === null ? "" : `, ${Math.round(one.left_s)} s left`;
  item.textContent = `${one.entry}: ${one.fault}, ${times(one.share)} of it, ${number(one.hits)} hit${until} `;
  if (one.by_hand) {
    const end = button("End it", () => post("verdict/fault/end", { entry: one.entry }));
    item.append(end);
  }
  return item;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

let offered = "";
function byHand(presets) {
  if (JSON.stringify(presets) === offered) return;
  offered = JSON.stringify(presets);
  at("byhand").hidden = presets.length === 0;
  at("presets").replaceChildren(...presets.map(([name, words]) => {
    const made = button(words, () => post("verdict/fault", { name, seconds: Number(at("seconds").value) }));
    made.dataset.fault = name;
    return made;
  }));
}

async function post(path, body) {
  let said;
  try {
    const reply = await fetch(path, {
      method: "POST", headers: { "content-type": "application/json", "x-harness": "verdict" }, body: JSON.stringify(body ?? {}),
    });
    said = (await reply.text()).trim();
  } catch {
    said = "the run does not answer any more";
  }
  at("said").textContent = said;
}

at("stop").addEventListener("click", () => confirm("End the run now?") && post("verdict/stop"));
at("cut").addEventListener("click", () => confirm("Cut all load now? Nothing is flushed.") && post("verdict/cut"));

let gone = 0;
async function look() {
  try {
    const reply = await fetch("verdict.json", { headers: { accept: "application/json" }, redirect: "error" });
    if (reply.status === 200) show(await reply.json());
    gone = 0;
  } catch {
    gone += 1;
    if (gone > 2) at("about").textContent = "the run is over; its report is in the run's directory";
  }
  setTimeout(look, gone > 2 ? 5000 : 1000);
}
look();
