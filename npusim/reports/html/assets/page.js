// The table of layers: sorts, filters, shows what is known of a layer. Numbers come from the result itself, which the
// page carries as JSON; nothing is fetched and nothing is stored.
(() => {
  "use strict";
  const result = JSON.parse(document.getElementById("data").textContent);
  const layers = result.layers;
  const byId = (id) => document.getElementById(id);
  const make = (name, attrs = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attrs)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
  const product = (sizes) => sizes.reduce((all, each) => all * each, 1);
  const sum = (values) => values.reduce((all, each) => all + each, 0);
  const dram = (layer) => layer.traffic.dram || {};
  // Letters that would turn a line around or hide, as the rest of the page writes them.
  const plain = (text) =>
    String(text).replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu, (letter) =>
      `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`);

  // --- light and dark, for as long as the page is open

  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const themeButton = byId("theme");
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light page" : "Dark page"; };
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  prefersDark.addEventListener("change", nameTheme);
  nameTheme();

  // --- rows

  const table = byId("table");
  const body = table.tBodies[0];
  let rows = [...body.rows].map((row) => ({ row, at: Number(row.id.slice("layer-".length)), detail: null }));
  const rowAt = new Map(rows.map((each) => [each.at, each]));
  for (const each of rows) {
    const cell = each.row.querySelector("th");
    each.button = make("button", { type: "button", "aria-expanded": "false" }, ...cell.childNodes);
    cell.append(each.button);
  }
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[id]");
    const selecting = String(window.getSelection());
    if (row && !selecting) toggle(rowAt.get(Number(row.id.slice("layer-".length))));
  });

  // --- sorting

  const values = {
    at: (layer, at) => at,
    name: (layer) => layer.name,
    op: (layer) => layer.op,
    ofm: (layer) => (layer.ofm.length ? product(layer.ofm[0]) : -1),
    kernel: (layer) => (layer.kernel.length ? product(layer.kernel) : -1),
    cycles: (layer) => layer.cycles,
    share: (layer) => layer.cycles,
    bound_by: (layer) => (layer.cycles ? layer.bound_by : ""),
    dram: (layer) => sum(Object.values(dram(layer))),
    ifm: (layer) => dram(layer).ifm || 0,
    ofm_bytes: (layer) => dram(layer).ofm || 0,
    weights: (layer) => dram(layer).weights || 0,
    utilisation: (layer) => (layer.utilisation === null ? -1 : layer.utilisation),
    algorithm: (layer) => String(layer.mapping.algorithm || ""),
  };
  const order = new Intl.Collator("en", { numeric: true });
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(head));
  }
  function sort(head) {
    const key = head.dataset.key;
    const value = values[key] || ((layer) => layer[key]);
    const keyed = rows.map((each) => [value(layers[each.at], each.at), each]);
    const words = typeof (keyed.length ? keyed[0][0] : 0) === "string";
    // Names begin with the first, numbers with the largest; the second time it is the other way.
    const before = head.getAttribute("aria-sort");
    const rising = before ? before === "descending" : words || key === "at";
    const compare = words ? (a, b) => order.compare(a[0], b[0]) : (a, b) => a[0] - b[0];
    keyed.sort((a, b) => (rising ? compare(a, b) : compare(b, a)) || a[1].at - b[1].at);
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    rows = keyed.map(([, each]) => each);
    body.append(...rows.flatMap((each) => (each.detail ? [each.row, each.detail] : [each.row])));
    show();
  }

  // --- filtering; of many rows only the first are shown, since laying out thousands takes a browser a second

  const find = byId("find");
  const limit = byId("limit");
  const status = byId("status");
  const all = byId("all");
  let most = Number(table.dataset.first);
  for (const each of rows) {
    const layer = layers[each.at];
    each.text = [layer.name, ...layer.fused, each.row.textContent].join("\n").toLowerCase();
  }
  function show() {
    const wanted = find.value.trim().toLowerCase().split(/\s+/);
    let count = 0;
    let cycles = 0;
    for (const each of rows) {
      const layer = layers[each.at];
      const limited = !limit.value || (layer.cycles > 0 && layer.bound_by === limit.value);
      const found = limited && wanted.every((word) => each.text.includes(word));
      count += found ? 1 : 0;
      cycles += found ? layer.cycles : 0;
      each.row.hidden = !found || count > most;
      if (each.detail) each.detail.hidden = each.row.hidden;
    }
    const filtered = find.value || limit.value;
    const share = result.totals.cycles ? `, ${(100 * cycles / result.totals.cycles).toFixed(1)} % of the time` : "";
    const first = count > most ? `, the first ${most} shown` : "";
    status.textContent = `${filtered ? `${count} of ` : ""}${rows.length} rows${filtered ? share : ""}${first}`;
    all.hidden = count <= most;
  }
  function showAll() {
    most = Infinity;
    show();
  }
  byId("tools").hidden = false;
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", show);
  limit.addEventListener("change", show);
  all.addEventListener("click", () => {
    showAll();
    find.focus();
  });
  byId("wide").addEventListener("change", (event) => table.classList.toggle("wide", event.target.checked));
  show();

  // --- details

  function toggle(each) {
    if (each.detail) {
      each.detail.remove();
      each.detail = null;
    } else {
      const cell = make("td", { colspan: heads.length }, details(layers[each.at]));
      each.detail = make("tr", { class: "detail", id: `detail-${each.at}` }, cell);
      each.row.after(each.detail);
      each.button.setAttribute("aria-controls", each.detail.id);
    }
    each.button.setAttribute("aria-expanded", String(Boolean(each.detail)));
  }
  function details(layer) {
    const most = Math.max(1, ...Object.values(layer.bounds));
    const bounds = Object.entries(layer.bounds).map(([name, cycles]) => {
      const load = make("i");
      load.style.width = `${(100 * cycles) / most}%`;
      const track = make("span", { class: "track", "aria-hidden": "true" }, load);
      return [resource(name), make("span", {}, `${number.format(cycles)} cycles`, track)];
    });
    const traffic = Object.entries(layer.traffic).flatMap(([level, operands]) =>
      Object.entries(operands).map(([operand, count]) => [`${level.toUpperCase()} ${operand}`, `${number.format(count)} B`]));
    const about = [
      ["layer", layer.name],
      ["operator", layer.op],
      ...(layer.fused.length ? [["fused to it", layer.fused.join(", ")]] : []),
      ...(layer.off_npu ? [["off the NPU", layer.off_npu]] : []),
      ["inputs", shapes(layer.ifm)],
      ["outputs", shapes(layer.ofm)],
      ...(layer.kernel.length
        ? [["kernel", `${layer.kernel.join("x")}, stride ${layer.stride.join("x")}, groups ${layer.groups}`]] : []),
      ["MACs", number.format(layer.macs)],
      ...(layer.macs_dense === layer.macs ? [] : [["dense MACs", number.format(layer.macs_dense)]]),
      ["operations", number.format(layer.ops)],
      ["parameters", number.format(layer.params)],
      ["cycles", number.format(layer.cycles)],
      ["section", String(layer.section)],
      ...(layer.sram_bytes ? [["SRAM held", `${number.format(layer.sram_bytes)} B`]] : []),
      ...((layer.reads || []).length ? [["reads", layer.reads.join(", ")]] : []),
      ...((layer.makes || []).length ? [["makes", layer.makes.join(", ")]] : []),
    ];
    const mapping = Object.entries(layer.mapping).map(([name, value]) => [name.replaceAll("_", " "), said(value)]);
    return make("div", { class: "about" },
      part("The layer", about), make("div", {}, part("Bounds", bounds), part("Traffic", traffic)),
      ...(mapping.length ? [part("Mapping", mapping)] : []));
  }
  const shapes = (each) => each.map((sizes) => sizes.join("x") || "scalar").join(", ") || "none";
  const said = (value) =>
    Array.isArray(value) ? value.map(said).join(", ") || "none"
      : value !== null && typeof value === "object"
        ? Object.entries(value).map(([name, each]) => `${name.replaceAll("_", " ")} ${said(each)}`).join(", ") || "none"
        : value === null || typeof value === "boolean" ? { null: "none", true: "yes", false: "no" }[String(value)]
          : typeof value === "number" ? number.format(value) : value;
  const names = JSON.parse(byId("data").dataset.resources);
  const resource = (name) => names[name] || name.replaceAll("_", " ");
  function part(title, pairs) {
    const list = make("dl", { class: "facts" });
    for (const [name, value] of pairs) {
      const shown = typeof value === "string" ? plain(value) : value;
      list.append(make("div", {}, make("dt", {}, plain(name)), make("dd", {}, shown)));
    }
    return make("section", {}, make("h3", {}, title), list);
  }

  // --- from the drawings to the table

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#layer-"]');
    const each = link && rowAt.get(Number(link.getAttribute("href").slice("#layer-".length)));
    if (!each) return;
    event.preventDefault();
    if (each.row.hidden) {
      find.value = limit.value = "";
      showAll();
    }
    if (!each.detail) toggle(each);
    each.row.scrollIntoView({ block: "center" });
    each.button.focus({ preventScroll: true });
  });

  // --- the result as a file, and paper, which cannot be opened

  byId("save").addEventListener("click", () => {
    const file = new Blob([JSON.stringify(result, null, 1)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(file), download: "npusim.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  window.addEventListener("beforeprint", () => {
    showAll();
    for (const each of document.querySelectorAll("details")) each.open = true;
  });
})();
