// Written by scripts/embed-reference from openapi/reference.html. Do not edit.
// swift-format-ignore-file

extension ReferencePage {
    static let template = #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signalbox API</title>
<style>
:root {
  color-scheme: light dark;
  --back: #ffffff; --panel: #f6f7f9; --line: #e2e5ea; --text: #1c2430; --soft: #5c6675; --faint: #8a93a1;
  --link: #0b62c4; --mark: #fff3c4; --code: #f3f5f8; --accent: #0b7a55; --bad: #b3261e;
  --get: #0b7a55; --put: #9a5b00; --post: #0b62c4; --delete: #b3261e;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161c; --panel: #181d25; --line: #2a313c; --text: #e4e8ee; --soft: #a3adba; --faint: #768190;
    --link: #6cb0ff; --mark: #4d3f10; --code: #1b212a; --accent: #4cc79a; --bad: #ff8a80;
    --get: #4cc79a; --put: #f0b35a; --post: #6cb0ff; --delete: #ff8a80;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre { font-family: var(--mono); font-size: .87em; }
code { background: var(--code); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
.page { display: grid; grid-template-columns: 19.5rem minmax(0, 1fr); min-height: 100vh; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; background: var(--panel); border-right: 1px solid var(--line);
  padding: 1.1rem 0 2rem; font-size: .86rem; scrollbar-width: thin; }
nav .brand { display: flex; align-items: center; gap: .55rem; padding: 0 1.1rem .8rem; font-weight: 650; font-size: 1.05rem; }
nav .brand a { color: inherit; }
nav .brand svg { width: 1.35rem; height: 1.35rem; color: var(--accent); flex: none; }
nav input { width: calc(100% - 2.2rem); margin: 0 1.1rem .6rem; padding: .42rem .6rem; font: inherit; color: inherit;
  background: var(--back); border: 1px solid var(--line); border-radius: 7px; }
nav input:focus { outline: 2px solid var(--link); outline-offset: -1px; border-color: transparent; }
nav h2 { margin: 1rem 1.1rem .25rem; font-size: .72rem; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: flex; align-items: baseline; gap: .5rem; padding: .17rem 1.1rem; color: var(--soft); border-left: 3px solid transparent;
  overflow-wrap: anywhere; }
nav li a:hover { color: var(--text); text-decoration: none; background: color-mix(in srgb, var(--text) 5%, transparent); }
nav li a[aria-current] { color: var(--text); font-weight: 600; border-left-color: var(--accent);
  background: color-mix(in srgb, var(--accent) 10%, transparent); }
nav .none { padding: .4rem 1.1rem; color: var(--faint); }
nav mark { background: var(--mark); color: inherit; border-radius: 2px; }
.verb { font: 600 .68rem/1 var(--mono); letter-spacing: .02em; }
nav .verb { width: 2.3rem; flex: none; }
.verb.get { color: var(--get); } .verb.put { color: var(--put); } .verb.post { color: var(--post); } .verb.delete { color: var(--delete); }
main { padding: 2.2rem 2.6rem 5rem; min-width: 0; max-width: 88rem; }
main h1 { margin: 0 0 .3rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.012em; overflow-wrap: anywhere; }
main h2 { margin: 2.2rem 0 .6rem; font-size: 1.08rem; }
.lead { font-size: 1.08rem; color: var(--soft); margin: 0 0 1rem; }
.route { display: flex; flex-wrap: wrap; align-items: baseline; gap: .7rem; margin: 1rem 0; padding: .55rem .8rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px; font: .87rem/1.5 var(--mono); overflow-wrap: anywhere; }
.route .verb { font-size: .82rem; }
.route b { font-weight: 600; color: var(--accent); }
.facts { display: flex; flex-wrap: wrap; gap: .4rem; margin: .8rem 0 1rem; }
.fact { font-size: .78rem; color: var(--soft); border: 1px solid var(--line); border-radius: 99px; padding: .08rem .6rem; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 29rem); gap: 2.4rem; align-items: start; }
.side { position: sticky; top: 1.2rem; }
.prose p { margin: .6rem 0; max-width: 46rem; }
.members { border-top: 1px solid var(--line); }
.member { padding: .6rem 0; border-bottom: 1px solid var(--line); }
.member > .head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .6rem; }
.member .name { font: 600 .88rem/1.4 var(--mono); overflow-wrap: anywhere; }
.member .type { color: var(--faint); font-size: .82rem; }
.member .need { color: var(--bad); font-size: .76rem; font-weight: 600; }
.member .where { color: var(--soft); font-size: .76rem; }
.member p { margin: .15rem 0 0; color: var(--soft); }
.limits { margin: .25rem 0 0; padding: 0; list-style: none; font-size: .82rem; color: var(--soft); display: flex; flex-wrap: wrap; gap: .15rem .9rem; }
.limits code { font-size: .92em; }
details.more { margin: .4rem 0 .1rem; }
details.more > summary { cursor: pointer; color: var(--link); font-size: .84rem; width: max-content; max-width: 100%; }
details.more > .members { margin: .4rem 0 0 .3rem; padding-left: .9rem; border-left: 2px solid var(--line); border-top: 0; }
details.more > .members > .member:last-child { border-bottom: 0; }
.refused { color: var(--faint); font-size: .85rem; margin: .5rem 0 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--faint); font-weight: 600; font-size: .76rem; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; padding: .5rem .8rem .5rem 0; border-bottom: 1px solid var(--line); color: var(--soft); }
td:last-child, th:last-child { padding-right: 0; }
td code { white-space: normal; }
td.code { font: 600 .84rem/1.5 var(--mono); color: var(--text); overflow-wrap: anywhere; }
td.status { font-family: var(--mono); }
td p { margin: 0; }
tr.common td.code { font-weight: 400; color: var(--soft); }
.tabs { display: flex; border: 1px solid var(--line); border-bottom: 0; border-radius: 8px 8px 0 0; background: var(--panel); }
.tabs button { font: inherit; font-size: .82rem; color: var(--soft); background: none; border: 0; padding: .5rem .85rem; cursor: pointer;
  border-bottom: 2px solid transparent; }
.tabs button[aria-selected=true] { color: var(--text); border-bottom-color: var(--accent); font-weight: 600; }
.tabs .copy { margin-left: auto; color: var(--link); }
pre { margin: 0; padding: .85rem 1rem; background: var(--code); border: 1px solid var(--line); border-radius: 0 0 8px 8px; overflow: auto;
  line-height: 1.5; max-height: 32rem; tab-size: 2; scrollbar-width: thin; }
.box { border-radius: 8px; }
.side h2:first-child { margin-top: .3rem; }
.columns .prose > p:first-child { margin-top: .3rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: .9rem; margin-top: 1rem; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem; }
.card h3 { margin: 0 0 .2rem; font-size: .98rem; }
.card p { margin: 0 0 .5rem; color: var(--soft); font-size: .88rem; }
.card ul { margin: 0; padding: 0; list-style: none; font-size: .86rem; }
button:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
@media (max-width: 1180px) { .columns { grid-template-columns: minmax(0, 1fr); gap: 0; } .side { position: static; } }
@media (max-width: 760px) {
  .page { display: block; }
  nav { position: static; height: auto; max-height: 45vh; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1.3rem 1.1rem 3rem; }
}
@media print { nav, .tabs .copy { display: none; } .page { display: block; } }
</style>
</head>
<body>
<div class="page">
  <nav aria-label="Operations">
    <div class="brand">
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true"><path d="M3 18h18M3 18c7 0 6-11 18-11"/><circle cx="20" cy="18" r="1.6" fill="currentColor"/><circle cx="20" cy="7" r="1.6" fill="currentColor"/></svg>
      <a href="#">Signalbox API</a>
    </div>
    <input id="search" type="search" placeholder="Search (press /)" aria-label="Search operations, members and errors" autocomplete="off" spellcheck="false">
    <div id="list"></div>
  </nav>
  <main id="main" tabindex="-1"><noscript>This page is drawn by its own script. The document is at <code>openapi.json</code>.</noscript></main>
</div>
<script type="application/json" id="document">{{DOCUMENT}}</script>
<script>
"use strict";
const api = JSON.parse(document.getElementById("document").textContent);
const schemas = api.components.schemas;
const server = /^https?:/.test(api.servers[0].url) ? api.servers[0].url
  : /^https?:/.test(location.origin) ? location.origin : "http://127.0.0.1:4747";

// -- The document, by operation

const answers = responses => Object.fromEntries(Object.entries(responses).map(([status, response]) =>
  [status, response.$ref ? api.components.responses[response.$ref.split("/").pop()] : response]));
const operations = new Map();
for (const [path, item] of Object.entries(api.paths))
  for (const [method, operation] of Object.entries(item))
    operations.set(operation.operationId, { ...operation, responses: answers(operation.responses), id: operation.operationId, path, method: method.toUpperCase() });
const ordered = api["x-signalbox-operations"].map(id => operations.get(id)).filter(Boolean);

const resolve = schema => {
  if (!schema || !schema.$ref) return schema || {};
  const name = schema.$ref.split("/").pop();
  return { ...schemas[name], ...schema, $ref: undefined, component: name };
};

// -- Building elements: text is always text, never markup

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

/** Text with `code` and **bold**. */
function inline(text) {
  return (text || "").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map(part =>
    part.startsWith("`") ? el("code", {}, part.slice(1, -1)) : part.startsWith("**") ? el("b", {}, part.slice(2, -2)) : part);
}

const paragraphs = text => (text || "").split("\n\n").map(part => el("p", {}, inline(part)));
const verb = method => el("span", { class: "verb " + method.toLowerCase() }, method === "DELETE" ? "DEL" : method);

// -- Members

function typeOf(schema) {
  const s = resolve(schema);
  if (s.oneOf) return "one of";
  if (s.type === "array") return "list of " + typeOf(s.items);
  if (s.type === "object" && s.patternProperties) return "parameters";
  if (s.type === "object" && s.additionalProperties) return "map";
  if (s.type === "object") return "structure";
  if (s.format === "date-time") return "timestamp";
  return s.type || (s["x-signalbox-shape"] === "Document" ? "any JSON" : "bytes");
}

function range(low, high, what) {
  if (low === undefined && high === undefined) return null;
  const number = n => n.toLocaleString("en");
  if (low === high) return `${number(low)} ${what}`;
  if (high === undefined) return `${number(low)} or more ${what}`;
  return `${number(low || 0)} to ${number(high)} ${what}`;
}

function limits(schema) {
  const s = resolve(schema), found = [];
  const add = (...parts) => found.push(el("li", {}, parts));
  const lengths = [range(s.minLength, s.maxLength, "characters"), range(s.minItems, s.maxItems, "elements"),
    range(s.minProperties, s.maxProperties, "entries"), range(s.minimum, s.maximum, ""),
    range(s["x-signalbox-min-bytes"], s["x-signalbox-max-bytes"], "bytes")];
  for (const text of lengths) if (text) add(text);
  if (s.enum) add(s.enum.flatMap((value, index) => [index ? " " : "", el("code", {}, value)]));
  if (s.pattern) add(el("code", { title: "The whole text has to match" }, s.pattern.replace(/^\^\(\?:([\s\S]*)\)\$$/, "$1")));
  if (s["x-signalbox-format"]) add(s["x-signalbox-format"]);
  if (s["x-signalbox-sensitive"]) add("never logged or repeated");
  if (s.type === "array") for (const item of limits(s.items)) { item.prepend("each: "); found.push(item); }
  const key = s.propertyNames || s["x-signalbox-key"];
  if (key) for (const item of limits(key)) { item.prepend("keys: "); found.push(item); }
  const value = s.patternProperties ? Object.values(s.patternProperties)[0] : s.additionalProperties;
  if (value && value !== true) for (const item of limits(value)) { item.prepend("values: "); found.push(item); }
  return found;
}

function inner(schema) {
  const s = resolve(schema);
  if (s.type === "array") return inner(s.items);
  if (s.oneOf) return { members: Object.assign({}, ...s.oneOf.map(branch => branch.properties)), required: [], refused: s["x-signalbox-refused"] };
  if (s.properties && Object.keys(s.properties).length) return { members: s.properties, required: s.required || [], refused: s["x-signalbox-refused"] };
  return null;
}

function member(name, schema, { required, where, description, depth = 0 }) {
  const below = inner(schema), text = description || schema.description;
  const found = limits(schema);
  const node = el("div", { class: "member" },
    el("div", { class: "head" }, el("span", { class: "name" }, name), el("span", { class: "type" }, typeOf(schema)),
      required && el("span", { class: "need" }, "required"), where && el("span", { class: "where" }, inline(where)),
      schema["x-signalbox-idempotency-token"] && el("span", { class: "where" }, "SDKs fill it in")),
    text && el("p", {}, inline(text)),
    found.length ? el("ul", { class: "limits" }, found) : null);
  if (below) {
    // Drawn when it is opened: structures hold each other many levels deep.
    const details = el("details", { class: "more" }, el("summary", {}, `${Object.keys(below.members).length} member${Object.keys(below.members).length === 1 ? "" : "s"}`));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(...structure(below, depth + 1)); });
    node.append(details);
  }
  return node;
}

function structure({ members, required, refused }, depth = 0) {
  const names = Object.keys(members).sort((a, b) => (required.includes(b) - required.includes(a)) || (a < b ? -1 : 1));
  const list = el("div", { class: "members" }, names.map(name => member(name, members[name], { required: required.includes(name), depth })));
  const nodes = [list];
  if (refused) nodes.push(...Object.entries(refused).map(([name, why]) =>
    el("p", { class: "refused" }, el("code", {}, name), ` is refused: ${why}.`)));
  return nodes;
}

// -- Examples

const snake = text => text.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2").toLowerCase();
const kebab = text => snake(text).replace(/_/g, "-");
const quote = text => "'" + text.replace(/'/g, `'\\''`) + "'";

function python(value, indent = "") {
  const deeper = indent + "    ";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return value.length ? "[" + value.map(v => python(v, indent)).join(", ") + "]" : "[]";
  if (typeof value === "object") {
    const entries = Object.entries(value);
    if (!entries.length) return "{}";
    const short = "{" + entries.map(([k, v]) => `${JSON.stringify(k)}: ${python(v, indent)}`).join(", ") + "}";
    return short.length < 64 && !short.includes("\n") ? short
      : "{\n" + entries.map(([k, v]) => `${deeper}${JSON.stringify(k)}: ${python(v, deeper)},\n`).join("") + indent + "}";
  }
  return JSON.stringify(value);
}

/** Members by name, as an SDK takes them. */
function sample(operation) {
  const result = {};
  for (const parameter of operation.parameters || []) {
    const name = parameter["x-signalbox-member"];
    // Signalbox's own filters: SDKs do not know them.
    if (parameter.example !== undefined && !["namePrefix", "status", "tags"].includes(parameter.name)) result[name] = parameter.example;
  }
  const body = operation.requestBody;
  if (body && body["x-signalbox-member"]) result[body["x-signalbox-member"]] = body.content["application/json"].example;
  else if (body) Object.assign(result, body.content["application/json"].example);
  return result;
}

function boto3(operation) {
  const members = sample(operation);
  const raw = operation.requestBody && operation.requestBody["x-signalbox-member"];
  const lines = Object.entries(members).map(([name, value]) =>
    `    ${name}=${name === raw ? "json.dumps(" + python(value, "    ") + ")" : python(value, "    ")},`);
  const call = `client.${snake(operation.id)}(` + (lines.length ? "\n" + lines.join("\n") + "\n" : "") + ")";
  return `import boto3${raw ? ", json" : ""}\n\nclient = boto3.client("${operation["x-signalbox-service"]}", endpoint_url="${server}")\n` +
    (raw ? `answer = ${call}\nprint(answer["response"].read())` : `print(${call})`);
}

function cli(operation) {
  const parts = [`aws ${operation["x-signalbox-service"]} ${kebab(operation.id)}`, `--endpoint-url ${server}`];
  const raw = operation.requestBody && operation.requestBody["x-signalbox-member"];
  for (const [name, value] of Object.entries(sample(operation))) {
    if (name === raw) parts.push(`--${kebab(name)} fileb://payload.json`);
    else if (Array.isArray(value) && value.every(v => typeof v === "string")) parts.push(`--${kebab(name)} ${value.map(quote).join(" ")}`);
    else parts.push(`--${kebab(name)} ${typeof value === "object" ? quote(JSON.stringify(value)) : /^[\w.:\/-]+$/.test(value) ? value : quote(String(value))}`);
  }
  if (raw) {
    // The same for both versions of the CLI: the newer takes a literal for base64.
    parts[0] = `printf %s ${quote(JSON.stringify(sample(operation)[raw]))} > payload.json\n${parts[0]}`;
    parts.push("/dev/stdout");
  }
  return parts.join(" \\\n  ");
}

function curl(operation) {
  let path = operation.path;
  const query = [], headers = [];
  for (const parameter of operation.parameters || []) {
    if (parameter.example === undefined) continue;
    const value = parameter.example;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "header") headers.push(`-H ${quote(`${parameter.name}: ${value}`)}`);
    else if (Array.isArray(value)) query.push(...value.map(v => `${parameter.name}=${encodeURIComponent(v)}`));
    else if (typeof value === "object") query.push(...Object.entries(value).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`));
    else query.push(`${parameter.name}=${encodeURIComponent(value)}`);
  }
  const signed = !(operation.security && !operation.security.length);
  const parts = ["curl" + (operation.method === "GET" ? "" : ` -X ${operation.method}`) + " " + quote(server + path + (query.length ? "?" + query.join("&") : ""))];
  if (signed) parts.push(`--aws-sigv4 "aws:amz:$AWS_REGION:bedrock-agentcore"`, `--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"`);
  const body = operation.requestBody;
  if (body) {
    headers.unshift("-H 'Content-Type: application/json'");
    const example = body.content["application/json"].example;
    parts.push(...headers, `--data ${quote(JSON.stringify(example, null, body["x-signalbox-member"] ? 0 : 2))}`);
  } else parts.push(...headers);
  return parts.join(" \\\n  ");
}

let chosen = "boto3";
function tabs(texts) {
  const names = Object.keys(texts);
  const code = el("code", { style: "background:none;padding:0;overflow-wrap:normal" }), pre = el("pre", { tabindex: "0" }, code);
  const copy = el("button", { class: "copy", type: "button", on: { click: async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // A page from a file has no clipboard of its own.
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1200);
  } } }, "Copy");
  const buttons = names.map(name => el("button", { type: "button", role: "tab", on: { click: () => { chosen = name; show(); } } }, name));
  const show = () => {
    const name = names.includes(chosen) ? chosen : names[0];
    buttons.forEach((button, index) => button.setAttribute("aria-selected", names[index] === name));
    code.textContent = texts[name];
  };
  show();
  return el("div", { class: "box" }, el("div", { class: "tabs", role: "tablist" }, buttons, copy), pre);
}

// -- Pages

function operationPage(operation) {
  const success = Object.entries(operation.responses).find(([status]) => status < 300);
  const content = Object.entries(success[1].content || {})[0];
  const example = content && content[1].example;
  const texts = operation["x-signalbox-service"] ? { boto3: boto3(operation), "AWS CLI": cli(operation), curl: curl(operation) } : { curl: curl(operation) };
  const facts = [operation.security && !operation.security.length ? "not signed" : "signed with SigV4",
    { control: "bedrock-agentcore-control", data: "bedrock-agentcore", own: "Signalbox's own" }[operation["x-signalbox-plane"]],
    operation["x-signalbox-changes"] ? "changes something" : "reads only",
    operation["x-signalbox-idempotent"] ? "may be repeated" : null].filter(Boolean);
  if (operation.id === "InvokeAgentRuntime") facts[2] = "changes only its session";

  const request = [];
  for (const place of ["path", "query", "header"]) {
    const found = (operation.parameters || []).filter(p => p.in === place).sort((a, b) => b.required - a.required);
    if (!found.length) continue;
    request.push(el("h2", {}, { path: "In the path", query: "In the query", header: "Headers" }[place]),
      el("div", { class: "members" }, found.map(p => member(p.schema["x-signalbox-prefix"] ? p.schema["x-signalbox-prefix"] + "KEY" : p.name,
        { ...p.schema, "x-signalbox-idempotency-token": p["x-signalbox-idempotency-token"] },
        { required: p.required, description: p.description, where: p["x-signalbox-member"] !== p.name ? `\`${p["x-signalbox-member"]}\` in SDKs` : null }))));
  }
  const body = operation.requestBody;
  if (body) {
    const schema = Object.values(body.content)[0].schema;
    request.push(el("h2", {}, "Body"));
    const members = inner(schema);
    if (members) request.push(...structure(members));
    else request.push(el("div", { class: "members" }, member(body["x-signalbox-member"], schema, { required: true })));
  }

  const answer = [el("h2", {}, "Answer ", el("code", {}, success[0])), el("p", {}, inline(success[1].description))];
  const headers = Object.entries(success[1].headers || {}).filter(([name]) => name !== "x-amzn-RequestId");
  if (headers.length) answer.push(el("div", { class: "members" }, headers.map(([name, h]) => member(name, h.schema, { description: h.description, where: "header" }))));
  if (content) {
    const members = inner(content[1].schema);
    if (members) answer.push(...structure(members));
    else if (content[1].schema.description) answer.push(el("p", {}, inline(content[1].schema.description), " ", el("code", {}, content[0])));
  }

  const rows = [];
  for (const entry of operation["x-signalbox-errors"] || []) {
    const text = (operation.responses[entry.status].description.split("\n\n").find(t => t.startsWith("`" + entry.code + "`")) || "").replace(/^`[^`]+`: /, "");
    rows.push([entry.modelled, el("tr", { class: entry.modelled ? "" : "common" }, el("td", { class: "code" }, entry.code), el("td", { class: "status" }, String(entry.status)), el("td", {}, inline(text)))]);
  }
  rows.sort((a, b) => b[0] - a[0]);
  const errors = rows.length ? [el("h2", {}, "Errors"), el("table", {},
    el("thead", {}, el("tr", {}, el("th", {}, "Code"), el("th", {}, "Status"), el("th", {}, "When"))), el("tbody", {}, rows.map(r => r[1])))] : [];

  return [el("h1", {}, operation.id), el("p", { class: "lead" }, inline(operation.summary)),
    el("div", { class: "route" }, verb(operation.method), el("span", {}, operation.path.split(/(\{[^}]+\})/).map(part => part.startsWith("{") ? el("b", {}, part) : part))),
    el("div", { class: "facts" }, facts.map(text => el("span", { class: "fact" }, text))),
    el("div", { class: "columns" },
      el("div", {}, el("div", { class: "prose" }, paragraphs(operation.description)), request, answer, errors),
      el("div", { class: "side" }, el("h2", {}, "Call"), tabs(texts),
        example !== undefined ? [el("h2", {}, "Answer"), el("pre", { class: "box", style: "border-radius:8px", tabindex: "0" },
          typeof example === "string" ? example : JSON.stringify(example, null, 2))] : null))];
}

function overview() {
  return [el("h1", {}, api.info.title + " API"), el("p", { class: "lead" }, api.info.summary),
    el("div", { class: "prose" }, paragraphs(api.info.description)),
    el("h2", {}, "Operations"),
    el("div", { class: "cards" }, api.tags.map(tag => el("div", { class: "card" }, el("h3", {}, tag.name), el("p", {}, inline(tag.description)),
      el("ul", {}, ordered.filter(o => o.tags.includes(tag.name)).map(o => el("li", {}, el("a", { href: "#" + o.id, title: o.summary }, o.id)))))))];
}

// -- Navigation and search

/** All words of an operation that a search may look for, its members' names included. */
const words = new Map(ordered.map(operation => {
  const found = [operation.id, operation.summary, operation.path, ...(operation["x-signalbox-errors"] || []).map(e => e.code),
    ...(operation.parameters || []).flatMap(p => [p.name, p["x-signalbox-member"]])];
  const seen = new Set();
  const walk = schema => {
    const s = resolve(schema);
    if (s.component) { if (seen.has(s.component)) return; seen.add(s.component); }
    const below = inner(s);
    if (below) for (const [name, value] of Object.entries(below.members)) { found.push(name); walk(value); }
  };
  if (operation.requestBody) walk(Object.values(operation.requestBody.content)[0].schema);
  for (const response of Object.values(operation.responses)) for (const c of Object.values(response.content || {})) walk(c.schema);
  return [operation.id, found.join("\n").toLowerCase()];
}));

const list = document.getElementById("list"), search = document.getElementById("search"), main = document.getElementById("main");

function marked(text, term) {
  const at = term ? text.toLowerCase().indexOf(term) : -1;
  return at < 0 ? [text] : [text.slice(0, at), el("mark", {}, text.slice(at, at + term.length)), text.slice(at + term.length)];
}

function drawList() {
  const term = search.value.trim().toLowerCase(), current = decodeURIComponent(location.hash.slice(1));
  const groups = api.tags.map(tag => {
    const found = ordered.filter(o => o.tags.includes(tag.name) && (!term || words.get(o.id).includes(term)));
    return found.length ? [el("h2", {}, tag.name), el("ul", {}, found.map(o => el("li", {},
      el("a", { href: "#" + o.id, "aria-current": o.id === current ? "page" : undefined }, verb(o.method), el("span", {}, marked(o.id, term))))))] : null;
  }).filter(Boolean);
  list.replaceChildren(...(groups.length ? groups.flat() : [el("div", { class: "none" }, "Nothing has that in it.")]));
}

function draw() {
  const operation = operations.get(decodeURIComponent(location.hash.slice(1)));
  document.title = (operation ? operation.id + " · " : "") + "Signalbox API";
  main.replaceChildren(...(operation ? operationPage(operation) : overview()));
  drawList();
  const current = list.querySelector("[aria-current]");
  if (current) current.scrollIntoView({ block: "nearest" });
}

addEventListener("hashchange", () => { draw(); scrollTo(0, 0); });
search.addEventListener("input", drawList);
search.addEventListener("keydown", event => {
  if (event.key === "Enter") { const first = list.querySelector("a"); if (first) location.hash = first.getAttribute("href"); }
  if (event.key === "Escape") { search.value = ""; drawList(); search.blur(); }
});
addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey) { event.preventDefault(); search.focus(); }
});
draw();
</script>
</body>
</html>

"""#
}
