// The sample browser. Everything a model wrote is put in by textContent, never as markup.
(async () => {
  "use strict";
  const packed = document.getElementById("packed");
  for (const event of ["beforeprint", "afterprint"])
    addEventListener(event, () => document.querySelectorAll("details.paper").forEach((d) => (d.open = event === "beforeprint")));
  if (!packed) return;

  const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  const get = (id) => document.getElementById(id);
  const [runA, runB, filter, find, list, panel] = ["run-a", "run-b", "filter", "find", "tasks", "task"].map(get);
  const text = (n) => data.texts[n];
  const make = (tag, props = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), props);
    node.append(...children);
    return node;
  };
  const state = { a: "", b: "", task: 0, draw: {} };
  const names = {};
  for (const [run, arms] of data.runs) for (const [label, id] of arms) names[id] ??= `${label}, ${run}`;

  const options = (select, none) => {
    if (none) select.append(new Option("nothing", ""));
    for (const [run, arms] of data.runs) {
      const group = make("optgroup", { label: run });
      for (const [label, id] of arms) {
        const score = data.scores[id];
        const solved = score.draws > 1 ? `${score.any} of ${score.rows.length} by any of ${score.draws} draws` : `${score.solved} of ${score.rows.length}`;
        group.append(new Option(`${label}, ${run}: ${solved}`, id));
      }
      select.append(group);
    }
  };
  options(runA, false);
  options(runB, true);

  const passed = (id, task) => text(data.scores[id].rows[task][0][2]) === "passed";
  const kind = (id, task) => text(data.scores[id].rows[task][0][4]);
  const comparable = () => state.b && data.scores[state.b].rows.length === data.scores[state.a].rows.length;

  const filters = () => {
    const kinds = new Set();
    for (const id of [state.a, comparable() ? state.b : ""]) {
      if (id) data.scores[id].rows.forEach((_, task) => kinds.add(kind(id, task)));
    }
    const kept = filter.value;
    filter.replaceChildren(new Option("all tasks", "all"));
    if (comparable())
      for (const [name, value] of [["gained", "gained"], ["lost", "lost"], ["other outcome", "differs"]]) filter.append(new Option(name, value));
    for (const name of [...kinds].sort()) filter.append(new Option(name, "kind:" + name));
    filter.value = [...filter.options].some((o) => o.value === kept) ? kept : "all";
  };

  const wanted = (task) => {
    const a = passed(state.a, task), b = comparable() ? passed(state.b, task) : a;
    const mode = filter.value;
    if (mode === "gained" && !(b && !a)) return false;
    if (mode === "lost" && !(a && !b)) return false;
    if (mode === "differs" && a === b) return false;
    if (mode.startsWith("kind:") && ![state.a, comparable() ? state.b : ""].some((id) => id && kind(id, task) === mode.slice(5))) return false;
    const words = find.value.trim().toLowerCase();
    return !words || haystack(task).includes(words);
  };
  const haystack = (task) => {
    const [name, prompt, tests] = tasksOf(state.a)[task];
    const texts = [state.a, comparable() ? state.b : ""].filter(Boolean).map((id) => text(data.scores[id].rows[task][0][0]));
    return [name, text(prompt), text(tests), ...texts].join("\n").toLowerCase();
  };
  const tasksOf = (id) => data.tasks[data.scores[id].tasks];

  const mark = (ok) => make("span", { className: ok ? "ok" : "ko", textContent: ok ? "●" : "○", title: ok ? "passed" : "failed" });

  const showList = () => {
    const rows = data.scores[state.a].rows.map((_, task) => task).filter(wanted);
    list.replaceChildren(
      ...rows.map((task) => {
        const states = make("span", { className: "states" }, mark(passed(state.a, task)), ...(comparable() ? [mark(passed(state.b, task))] : []));
        const name = make("span", { className: "name", textContent: tasksOf(state.a)[task][0] });
        const button = make("button", { type: "button" }, states, name);
        const said = [state.a, comparable() ? state.b : ""].filter(Boolean).map((id) => kind(id, task));
        button.setAttribute("aria-label", `${name.textContent}: ${said.join(", then ")}`);
        button.dataset.task = task;
        button.addEventListener("click", () => select(task));
        return make("li", {}, button);
      }),
    );
    const drawn = [state.a, comparable() ? state.b : ""].some((id) => id && data.scores[id].draws > 1);
    get("tally").textContent = `${rows.length} of ${data.scores[state.a].rows.length} tasks` + (comparable() ? "; marks: the run, then what it is compared with" : "") + (drawn ? "; of several draws the first is marked" : "");
    if (rows.length && !rows.includes(state.task)) state.task = rows[0];
    if (rows.length) showTask();
    else panel.replaceChildren(make("p", { textContent: "No task is left: change what is shown or sought." }));
  };

  const pre = (value) => make("pre", { textContent: value === "" ? "(empty)" : value, tabIndex: 0 });
  const fold = (title, body, open) => make("details", { open }, make("summary", { textContent: title }), body);

  const arm = (id) => {
    const score = data.scores[id], row = score.rows[state.task];
    const draw = Math.min(state.draw[id] ?? 0, row.length - 1);
    const [completion, program, status, detail, cls] = row[draw].map(text);
    const box = make("section", { className: "arm" });
    box.append(make("h4", { textContent: names[id] }), make("p", { className: "small", textContent: score.what }));
    const verdict = make("p", {}, mark(status === "passed"), ` ${cls}` + (detail ? `: ${detail}` : ""));
    if (score.draws > 1) {
      verdict.append(` (draw ${draw + 1} of ${row.length} shown; ${score.passes[state.task]} of ${score.draws} passed)`);
      const pager = make("span", { className: "pager" });
      for (const [name, by] of [["previous", -1], ["next", 1]]) {
        const button = make("button", { type: "button", textContent: name, disabled: draw + by < 0 || draw + by >= row.length });
        button.addEventListener("click", () => { state.draw[id] = draw + by; showTask(); });
        pager.append(button);
      }
      verdict.append(pager);
    }
    box.append(verdict, pre(completion));
    if (program && program !== completion) box.append(fold("Program that was graded", pre(program), false));
    return box;
  };

  // Longest common subsequence of lines; long texts are compared by their first lines only.
  const diff = (one, two) => {
    const a = one.split("\n").slice(0, 400), b = two.split("\n").slice(0, 400);
    const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--) best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    const lines = [];
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) lines.push([" ", a[i++], j++]);
      else if (i < a.length && (j >= b.length || best[i + 1][j] >= best[i][j + 1])) lines.push(["−", a[i++]]);
      else lines.push(["+", b[j++]]);
    }
    return lines;
  };

  const showTask = () => {
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-current", String(Number(button.dataset.task) === state.task));
    const [name, prompt, tests] = tasksOf(state.a)[state.task];
    const ids = [state.a, ...(comparable() ? [state.b] : [])];
    const first = (id) => text(data.scores[id].rows[state.task][Math.min(state.draw[id] ?? 0, data.scores[id].rows[state.task].length - 1)][0]);
    panel.replaceChildren(
      make("h3", { textContent: name }),
      fold("Prompt", pre(text(prompt)), true),
      fold("Tests", pre(text(tests) || "(not at hand)"), false),
      make("div", { className: "arms" }, ...ids.map(arm)),
    );
    if (ids.length === 2) {
      const lines = diff(first(state.a), first(state.b)).map(([sign, line]) =>
        make("div", { className: sign === "+" ? "add" : sign === "−" ? "del" : "", textContent: `${sign} ${line}` }));
      const body = make("div", { className: "diff", tabIndex: 0 }, ...lines);
      body.setAttribute("role", "group");
      body.setAttribute("aria-label", "difference of the completions");
      panel.append(fold("Difference of the completions", body, true));
    }
  };

  const address = () => "#" + ["samples", state.a, state.b || "-", state.task].join("/");
  const select = (task, focus) => {
    state.task = task;
    showTask();
    history.replaceState(null, "", address());
    if (focus) list.querySelector(`button[data-task="${task}"]`)?.focus();
  };
  const refresh = () => { runA.value = state.a; runB.value = state.b; filters(); showList(); };

  const follow = (jump) => {
    const parts = decodeURIComponent(location.hash).slice(1).split("/");
    if (parts[0] !== "samples") return;
    if (data.scores[parts[1]]) {
      state.a = parts[1];
      state.b = data.scores[parts[2]] ? parts[2] : "";
      state.task = Math.min(Number(parts[3]) || 0, data.scores[state.a].rows.length - 1);
      filter.value = "all";
      find.value = "";
      refresh();
    }
    if (jump) { get("samples").scrollIntoView(); get("samples").focus({ preventScroll: true }); }
  };

  runA.addEventListener("change", () => { state.a = runA.value; refresh(); history.replaceState(null, "", address()); });
  runB.addEventListener("change", () => { state.b = runB.value; refresh(); history.replaceState(null, "", address()); });
  filter.addEventListener("change", showList);
  find.addEventListener("input", showList);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const shown = [...list.querySelectorAll("button")].map((button) => Number(button.dataset.task));
    const next = shown[shown.indexOf(state.task) + step];
    if (next !== undefined) select(next, true);
  });
  addEventListener("hashchange", () => follow(true));

  state.a = runA.value;
  get("browser").hidden = false;
  refresh();
  follow(true);
})();
