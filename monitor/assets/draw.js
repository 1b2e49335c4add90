// Draw: lines, zones and masks on a camera's picture, saved into the analyses' file or copied from here, and what they would
// have counted.
import {announce, ask, copy, count, dateTime, duration, eventName, go, h, page, plural, request, shortTime, isoDate, svg, trouble} from "./lib.js";
import {Board} from "./board.js";

export const title = "Draw";

// The parameters that the form has, of each kind: name, label, how it is written, what it means.
const fields = {
	line: [
		["direction", "What counts", "choice", {both: "both ways", forward: "forward only", backward: "backward only"}],
		["labels", "Only objects", "list", "such as person, car; empty: all"],
		["margin", "Margin", "number", "how far beyond the line an object must get, as a part of the picture"],
		["gone", "Unseen for at most", "duration", "and still counted"],
	],
	zone: [
		["loiter", "Loitering after", "duration", "0s: never"],
		["crowd", "A crowd from", "number", "objects at once; 0: none is"],
		["labels", "Only objects", "list", "such as person, car; empty: all"],
		["min_inside", "Inside for at least", "duration", ""],
		["min_outside", "Outside for at least", "duration", ""],
		["margin", "Margin", "number", "how deep inside an object must get, as a part of the picture"],
		["gone", "Unseen for at most", "duration", "and still inside"],
	],
	mask: [],
};
const least = {line: 2, zone: 3, mask: 3}, most = {line: 16, zone: 32, mask: 32};
const sections = {line: ["lines", "points"], zone: ["zones", "polygon"]};

// What was drawn and not saved, by camera, for as long as the page is open.
const drafts = new Map();
let view = null;

export async function show(main, at, signal) {
	view = new View(main, signal);
	await view.camera(at.rest[0] || page.cameras[0] || "");
}
export function update(at) {
	if (!view || !at.rest[0]) return false;
	if (at.rest[0] !== view.name) view.camera(at.rest[0]);
	return true;
}
export const keys = {
	l: () => view?.board.use("line"), o: () => view?.board.use("zone"), m: () => view?.board.use("mask"), v: () => view?.board.use("select"),
	u: () => view?.undo(), r: () => view?.redo(), "+": () => view?.board.zoomBy(1.5), "-": () => view?.board.zoomBy(1 / 1.5),
};

class View {
	constructor(main, signal) {
		this.signal = signal;
		this.items = [];
		this.removed = {};
		this.choose = h("select", {"aria-label": "Camera", "data-filter": true, onchange: e => go("draw", e.target.value)});
		this.unsaved = h("span", {class: "tag warn", hidden: true}, "not saved");
		this.board = new Board({
			items: () => this.items, selected: () => this.item(), select: (id, point) => this.select(id, point), change: () => this.changed(),
			done: (kind, points, byKey) => this.drawn(kind, points, byKey), signal, moved: () => this.tellPoints(), limits: {least, most},
			tool: () => this.tellTools(), remove: () => this.remove(),
		});
		const tool = (name, label, key, symbol) => h("button", {type: "button", dataset: {tool: name}, title: key, onclick: () => this.board.use(name)}, symbol, label);
		this.tools = h("div", {class: "controls tools-draw", role: "toolbar", "aria-label": "Tools"},
			tool("select", "Select", "v", icon("M6 3l12 9-6 1-3 6z")), tool("line", "Line", "l", icon("M4 20L20 4")), tool("zone", "Zone", "o", icon("M5 7l9-3 6 8-7 8-8-4z")), tool("mask", "Mask", "m", icon("M5 6h14v12H5zM5 12l6-6M5 18L17 6M11 18l8-8")),
			h("span", {class: "gap"}),
			this.doneButton = h("button", {type: "button", class: "strong", hidden: true, onclick: () => this.board.finish()}, "Done"),
			this.undoButton = h("button", {type: "button", title: "u", onclick: () => this.undo()}, "Undo"),
			this.redoButton = h("button", {type: "button", title: "r", onclick: () => this.redo()}, "Redo"),
			h("button", {type: "button", class: "icon", "aria-label": "Zoom out", title: "−", onclick: () => this.board.zoomBy(1 / 1.5)}, "−"),
			h("button", {type: "button", class: "icon", "aria-label": "Zoom in", title: "+", onclick: () => this.board.zoomBy(1.5)}, "+"),
			h("button", {type: "button", onclick: () => this.board.load(this.name, true)}, "New picture"));
		this.hint = h("p", {class: "quiet small hint", id: "draw-hint"});
		this.state = h("div", {});
		this.list = h("ul", {class: "shapes"});
		this.form = h("div", {class: "form"});
		this.snippet = h("pre", {tabindex: "0", "aria-label": "YAML of what is drawn"});
		this.saveButton = h("button", {type: "button", class: "strong", onclick: () => this.preview()}, "Save …");
		this.discard = h("button", {type: "button", onclick: () => { drafts.delete(this.name); this.camera(this.name, true); }}, "Discard");
		this.saving = h("dialog", {class: "saving", "aria-labelledby": "saving-title"});
		this.hours = h("select", {"aria-label": "How many hours back"}, [[1, "the last hour"], [6, "the last 6 hours"], [24, "the last 24 hours"], [72, "the last 3 days"], [168, "the last 7 days"]].map(([v, t]) => h("option", {value: v}, t)));
		this.hours.value = "24";
		this.testButton = h("button", {type: "button", class: "strong", onclick: () => this.backtest()}, "Backtest");
		this.test = h("div", {class: "test"});
		main.append(
			h("div", {class: "head"}, h("h1", {}, title), this.unsaved, h("div", {class: "controls"}, this.choose)),
			this.state,
			h("div", {class: "drawing"},
				h("div", {class: "left"}, this.tools, this.board.element, this.hint),
				h("div", {class: "right"},
					h("section", {class: "panel", "aria-labelledby": "shapes-title"}, h("h2", {id: "shapes-title"}, "On this camera"), this.list),
					this.panel = h("section", {class: "panel", "aria-labelledby": "form-title"}, this.form),
					h("section", {class: "panel", "aria-labelledby": "save-title"}, h("h2", {id: "save-title"}, "Keep it"), h("div", {class: "controls"}, this.saveButton, h("button", {type: "button", onclick: e => copy(this.yaml(), e.target)}, "Copy the YAML"), this.discard), this.where = h("p", {class: "quiet small"}), this.snippet))),
			h("section", {class: "panel backtest", "aria-labelledby": "test-title"}, h("h2", {id: "test-title"}, "What would it have counted?"),
				h("div", {class: "controls"}, this.testWhat = h("span", {}), this.hours, this.testButton), this.test),
			this.saving);
		addEventListener("beforeunload", e => { if (drafts.size) e.preventDefault(); }, {signal});
		signal.addEventListener("abort", () => { this.over = true; if (this.saving.open) this.saving.close(); });
	}

	/** camera shows a camera, with what was drawn before and not saved. */
	async camera(name, again = false) {
		this.name = name;
		this.choose.replaceChildren(...[...new Set([...page.cameras, name])].filter(Boolean).sort().map(c => h("option", {value: c}, c)));
		if (!name) {
			this.choose.replaceChildren(h("option", {value: ""}, "no camera is known"));
			try {
				const known = (await ask("cameras", {signal: this.signal})).cameras.map(c => c.camera || c.id).filter(Boolean);
				if (known.length) return go("draw", known[0]);
			} catch { /* said below */ }
			this.state.replaceChildren(h("div", {class: "empty panel"}, h("p", {}, "No camera is known yet.")));
			return;
		}
		this.choose.value = name;
		if (!again) { this.test.replaceChildren(); this.stopTest?.(); }
		this.board.load(name);
		let has;
		try {
			has = await ask(`draw/cameras/${encodeURIComponent(name)}`, {signal: this.signal});
		} catch (e) {
			if (this.signal.aborted || this.name !== name) return;
			this.state.replaceChildren(trouble(e, () => this.camera(name)));
			clearTimeout(this.later);
			this.later = setTimeout(() => { if (!this.over && this.name === name) this.camera(name); }, 3000);
			return;
		}
		if (this.name !== name) return;
		this.take(has);
		const draft = drafts.get(name);
		if (draft) this.items = structuredClone(draft);
		else this.items = structuredClone(this.original);
		this.history = [JSON.stringify(this.items)];
		this.at = 0;
		this.selected = this.items.some(i => i.id === this.selected) ? this.selected : this.items[0]?.id ?? null;
		this.board.use("select");
		this.tell();
	}
	// take keeps what the file says.
	take(has) {
		this.has = has;
		const wrong = has.wrong.map(v => h("li", {}, v.line ? `line ${v.line}: ` : "", v.text));
		this.state.replaceChildren(...(wrong.length ? [h("div", {class: "panel trouble", role: "alert"}, h("p", {}, `Something is wrong with ${has.file}:`), h("ul", {}, wrong))] : []));
		this.original = [
			...has.has.shapes.map(s => ({id: `${s.kind} ${s.name}`, kind: s.kind, name: s.name, was: s.name, in: s.drawn, stands: s.in, points: s.points, params: s.params, line: s.line, scheduled: s.scheduled})),
			...has.has.masks.flatMap(m => m.polygons.map((p, i) => ({id: `mask ${m.analysis} ${i}`, kind: "mask", name: m.analysis, was: m.analysis, in: m.drawn, stands: m.in, points: p, params: {}}))),
		];
	}
	item() { return this.items.find(i => i.id === this.selected) || null; }
	select(id, point = null) {
		this.selected = id;
		this.board.point = point;
		this.tell();
	}

	// Changes, and back.
	changed() {
		const now = JSON.stringify(this.items);
		if (now !== this.history[this.at]) {
			this.history.length = this.at + 1;
			this.history.push(now);
			if (this.history.length > 200) this.history.shift();
			this.at = this.history.length - 1;
		}
		this.tell();
	}
	back(to) {
		if (to < 0 || to >= this.history.length) return;
		this.at = to;
		this.items = JSON.parse(this.history[to]);
		if (!this.item()) this.selected = this.items[0]?.id ?? null;
		this.tell();
	}
	undo() { if (this.at > 0) { this.back(this.at - 1); announce("Undone"); } }
	redo() { if (this.at < this.history.length - 1) { this.back(this.at + 1); announce("Done again"); } }
	drawn(kind, points, byKey) {
		const masked = this.has.has.masks;
		if (kind === "mask" && !masked.length) {
			announce("No analysis of this camera has masks", true);
			this.state.replaceChildren(h("div", {class: "panel trouble", role: "alert"}, h("p", {}, "No analysis of this camera knows masks: background and activity do. Neither is switched on for it.")));
			return;
		}
		const names = new Set(this.items.filter(i => i.kind === kind).map(i => i.name));
		let n = 1;
		while (names.has(kind + n)) n++;
		const name = kind === "mask" ? masked[0].analysis : kind + n;
		const item = {id: `${kind} new ${Date.now()}`, kind, name, was: null, in: kind === "mask" ? masked[0].drawn : this.usual(), stands: null, points, params: {}};
		this.items.push(item);
		this.selected = item.id;
		this.changed();
		announce(`${kind} drawn with ${plural(points.length, "point", "points")}`);
		if (byKey) this.board.focus(0);
		else this.form.querySelector("input, select")?.focus();
	}
	// usual is where something new goes: to this camera alone, unless there is no other.
	usual() {
		const places = this.has.has.places, own = places.find(p => p.id === "own");
		if (places[0].cameras.length === 1 && !own) return "all";
		if (own && own.cameras.length === 1) return "own";
		return places.some(p => p.id === "new") ? "new" : "own";
	}
	remove() {
		const item = this.item();
		if (!item) return;
		const at = this.items.indexOf(item);
		if (item.was) this.removed[`${item.kind} ${item.was}`] = item.in; // for whom it goes is what the form says
		this.items.splice(at, 1);
		this.selected = this.items[Math.min(at, this.items.length - 1)]?.id ?? null;
		this.changed();
		announce(`${item.kind} ${item.name} removed`);
	}

	// edits are what has to be done to the file.
	edits() {
		const all = [], same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
		const shapes = this.items.filter(i => i.kind !== "mask"), kept = new Set(shapes.map(i => i.kind + " " + i.was));
		for (const o of this.original) if (o.kind !== "mask" && !kept.has(o.kind + " " + o.was)) all.push({op: "delete", kind: o.kind, name: o.name, in: o.stands === "own" ? "own" : this.removed[`${o.kind} ${o.was}`] || o.in});
		if (!this.has.has.tracks.length && shapes.length && this.enable !== false) {
			const where = shapes[0].in;
			all.push({op: "enable", analysis: "background", in: where}, {op: "enable", analysis: "tracking", in: where});
		}
		for (const i of shapes) {
			const o = this.original.find(o => o.kind === i.kind && o.was === i.was && i.was !== null);
			if (o && o.name !== i.name) all.push({op: "rename", kind: i.kind, name: o.name, to: i.name, in: o.stands === "own" ? "own" : "all"});
			const e = {op: "set", kind: i.kind, name: i.name, in: i.in, points: [], params: {}};
			const moved = !o || o.in !== i.in;
			if (moved || !same(o.points, i.points)) e.points = i.points;
			for (const k of new Set([...Object.keys(i.params), ...Object.keys(o?.params || {})])) if (!same(i.params[k] ?? null, o?.params[k] ?? null)) e.params[k] = i.params[k] ?? null;
			if (e.points.length || Object.keys(e.params).length) all.push(e);
		}
		for (const m of this.has.has.masks) {
			const mine = this.items.filter(i => i.kind === "mask" && i.name === m.analysis);
			const where = mine.find(i => i.in !== m.drawn)?.in || m.drawn;
			if (!same(mine.map(i => i.points), m.polygons) || where !== m.drawn) all.push({op: "masks", analysis: m.analysis, in: where, polygons: mine.map(i => i.points)});
		}
		return all;
	}

	// What is shown.
	tell() {
		const changes = this.edits().filter(e => e.op !== "enable").length;
		this.unsaved.hidden = !changes;
		if (changes) drafts.set(this.name, structuredClone(this.items));
		else drafts.delete(this.name);
		this.undoButton.disabled = !(this.at > 0);
		this.redoButton.disabled = !(this.at < this.history?.length - 1);
		this.saveButton.hidden = !this.has.edit;
		this.saveButton.disabled = !changes;
		this.discard.disabled = !changes;
		this.where.textContent = this.has.edit ? `Into ${this.has.file}, with its comments as they are. You see what changes before it is saved.`
			: this.has.file ? `The page is served read-only (without --edit): copy the YAML into ${this.has.file}.` : "The page knows no file of analyses (--config): copy the YAML.";
		this.list.replaceChildren(...this.items.map(i => h("li", {}, h("button", {type: "button", class: `shape ${i.kind}`, "aria-pressed": i.id === this.selected ? "true" : "false", onclick: () => this.select(i.id)},
			h("span", {class: `swatch ${i.kind}`, "aria-hidden": "true"}), h("span", {}, i.kind === "mask" ? `mask of ${i.name}` : i.name), h("span", {class: "quiet small"}, `${i.kind}, ${plural(i.points.length, "point", "points")}${i.was === null ? ", new" : ""}`)))));
		if (!this.items.length) this.list.replaceChildren(h("li", {class: "quiet"}, "Nothing yet. Choose Line, Zone or Mask, and draw on the picture."));
		this.showForm();
		this.tellTools();
		this.snippet.textContent = this.yaml();
		this.board.draw();
		const item = this.item();
		this.testWhat.textContent = item ? (item.kind === "mask" ? `The masks of ${item.name} over` : `The ${item.kind} ${item.name} over`) : "Choose what is to be tried, over";
		this.testButton.disabled = !item || !this.has.backtest || this.testing;
	}
	tellTools() {
		for (const b of this.tools.querySelectorAll("[data-tool]")) b.setAttribute("aria-pressed", b.dataset.tool === this.board.tool);
		const drawing = this.board.tool !== "select";
		this.doneButton.hidden = !drawing;
		this.doneButton.disabled = drawing && this.board.pending.length < least[this.board.tool];
		this.hint.textContent = drawing
			? `Click, or move the cross with the arrow keys and press Enter, for each point of the ${this.board.tool}${this.board.tool === "line" ? "" : ", at least three"}. Double-click, or press D, when it is done; Backspace takes the last point back, Esc ends it.`
			: "Drag points, or the small ones between them; drag a shape to move it. With the keyboard: Tab to a point, arrow keys move it (with Shift further, with Alt finer), Enter adds one, Delete removes it.";
	}
	tellPoints() {
		const item = this.item();
		if (!item) return;
		const inputs = [...this.form.querySelectorAll(".points input")];
		if (inputs.length !== item.points.length * 2) return;
		item.points.flat().forEach((v, i) => { inputs[i].value = +v.toFixed(4); });
		this.snippet.textContent = this.yaml();
	}
	showForm() {
		const item = this.item();
		this.panel.hidden = !item;
		if (!item) { this.form.replaceChildren(h("h2", {id: "form-title"}, "Nothing is chosen")); return; }
		const active = document.activeElement, key = this.form.contains(active) ? active.name : null;
		const set = (fn) => { fn(); this.changed(); };
		const parts = [h("h2", {id: "form-title"}, item.kind[0].toUpperCase() + item.kind.slice(1), item.kind === "mask" ? "" : " " + item.name)];
		if (item.kind === "mask") {
			parts.push(row("Of", h("select", {name: "analysis", onchange: e => set(() => { item.name = e.target.value; })}, this.has.has.masks.map(m => h("option", {value: m.analysis, selected: m.analysis === item.name}, m.analysis))), "what happens here does not count for it"));
		} else {
			parts.push(row("Name", h("input", {name: "name", value: item.name, required: true, pattern: "[A-Za-z0-9._\\-]{1,64}", autocomplete: "off", onchange: e => {
				const to = e.target.value.trim();
				if (!/^[A-Za-z0-9._-]{1,64}$/.test(to) || this.items.some(o => o !== item && o.kind === item.kind && o.name === to)) {
					e.target.setCustomValidity("letters, digits, dots, dashes and underscores, and no other has this name");
					e.target.reportValidity();
					e.target.value = item.name;
					return;
				}
				set(() => { item.name = to; });
			}})));
		}
		parts.push(row("For", h("select", {name: "in", onchange: e => set(() => { const of = item.kind === "mask" ? this.items.filter(i => i.kind === "mask" && i.name === item.name) : [item]; for (const i of of) i.in = e.target.value; })},
			this.has.has.places.map(p => h("option", {value: p.id, selected: p.id === item.in}, this.placeName(p)))), this.placeHelp(item)));
		if (item.kind === "line") parts.push(h("p", {class: "small sides"}, h("span", {class: "arrow", "aria-hidden": "true"}), "Forward is from the line's left to its right, seen from point 1: the orange arrow. ", h("button", {type: "button", name: "turn", onclick: () => set(() => { item.points.reverse(); })}, "Turn it around")));
		if (item.scheduled) parts.push(h("p", {class: "small"}, "At times of day something else holds for it (during, only), which stays as it is."));
		const defaults = this.has.defaults[item.kind] || {};
		for (const [name, label, how, help] of fields[item.kind]) {
			const usual = defaults[name], value = item.params[name] ?? usual;
			const put = v => set(() => { if (v === null || v === "" || JSON.stringify(v) === JSON.stringify(usual)) delete item.params[name]; else item.params[name] = v; });
			let input;
			if (how === "choice") input = h("select", {name, onchange: e => put(e.target.value)}, Object.entries(help).map(([v, t]) => h("option", {value: v, selected: v === value}, t)));
			else if (how === "list") input = h("input", {name, value: (value || []).join(", "), list: "labels", autocomplete: "off", onchange: e => put(e.target.value.split(",").map(s => s.trim()).filter(Boolean).length ? e.target.value.split(",").map(s => s.trim()).filter(Boolean) : null)});
			else if (how === "number") input = h("input", {name, type: "number", value, min: 0, step: name === "crowd" ? 1 : .005, onchange: e => put(e.target.value === "" ? null : +e.target.value)});
			else input = h("input", {name, value, pattern: "[0-9.]+(ms|s|m|h)([0-9.]+(ms|s|m))*", autocomplete: "off", onchange: e => put(e.target.value.trim() || null)});
			parts.push(row(label, input, how === "choice" ? "" : help));
		}
		parts.push(h("datalist", {id: "labels"}, this.has.has.labels.map(l => h("option", {value: l}))));
		if (item.kind !== "mask" && !this.has.has.tracks.length) {
			parts.push(h("label", {class: "check"}, h("input", {type: "checkbox", name: "enable", checked: this.enable !== false, onchange: e => { this.enable = e.target.checked; this.tell(); }}), " Switch on background and tracking too: without tracks nothing crosses a line"));
		}
		const point = (i, j) => h("input", {
			type: "number", name: `point-${i}-${j}`, min: 0, max: 1, step: .001, value: +item.points[i][j].toFixed(4), "aria-label": `Point ${i + 1}, ${j ? "from the top" : "from the left"}, 0 to 1`,
			onfocus: () => { this.board.point = i; this.board.draw(); },
			onchange: e => { const v = Math.min(1, Math.max(0, +e.target.value)); if (isFinite(v)) set(() => { item.points[i][j] = v; }); },
		});
		parts.push(h("fieldset", {class: "points"}, h("legend", {}, "Points"), h("table", {}, h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "#"), h("th", {scope: "col"}, "from the left"), h("th", {scope: "col"}, "from the top"), h("th", {scope: "col"}, h("span", {class: "heard"}, "Change")))), h("tbody", {}, item.points.map((_, i) => h("tr", {}, h("th", {scope: "row"}, i + 1), h("td", {}, point(i, 0)), h("td", {}, point(i, 1)),
			h("td", {class: "row-tools"}, h("button", {type: "button", class: "icon", name: `add-${i}`, "aria-label": `Add a point after point ${i + 1}`, disabled: item.points.length >= most[item.kind], onclick: () => this.board.add(i)}, "+"),
				h("button", {type: "button", class: "icon", name: `cut-${i}`, "aria-label": `Remove point ${i + 1}`, disabled: item.points.length <= least[item.kind], onclick: () => this.board.cut(i)}, "×"))))))));
		parts.push(h("p", {}, h("button", {type: "button", name: "remove", onclick: () => this.remove()}, `Remove this ${item.kind}` + (item.was && item.kind !== "mask" && this.has.has.places[0].cameras.length > 1 ? `, for ${this.placeName(this.has.has.places.find(p => p.id === item.in) || {id: "new"})}` : ""))));
		this.form.replaceChildren(...parts);
		if (key) this.form.querySelector(`[name="${key}"]`)?.focus();
	}
	placeName(p) {
		if (p.id === "all") return "all cameras";
		if (p.id === "own") return p.match === this.name ? "this camera only" : `cameras ${p.match}`;
		return "this camera only (a new entry)";
	}
	placeHelp(item) {
		const p = this.has.has.places.find(p => p.id === item.in) || {cameras: []}, others = p.cameras.filter(c => c !== this.name);
		const which = others.length ? `also ${others.slice(0, 4).join(", ")}${others.length > 4 ? ` and ${others.length - 4} more` : ""}` : "no other camera";
		const line = p.line ? `, line ${p.line} of ${this.has.file}` : "";
		if (p.id === "new" && this.has.has.places.some(o => o.id === "own")) return `${which}; what the entry for ${this.has.has.places.find(o => o.id === "own").match} says is copied, since only the first that matches counts`;
		return which + line;
	}

	// yaml is what the file would have for what is chosen, or for all.
	yaml() {
		const item = this.item(), num = v => String(+v.toFixed(4)), list = p => "[" + p.map(x => `[${num(x[0])}, ${num(x[1])}]`).join(", ") + "]";
		const text = v => typeof v !== "string" ? String(v) : /^([A-Za-z_][A-Za-z0-9_./*-]*|[0-9]+(\.[0-9]+)?(ms|s|m|h)([0-9]+(ms|s|m))*)$/.test(v) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(v) ? v : JSON.stringify(v);
		const value = v => Array.isArray(v) ? "[" + v.map(text).join(", ") + "]" : text(v);
		if (!item) return "# nothing is chosen";
		if (item.kind === "mask") {
			const polygons = this.items.filter(i => i.kind === "mask" && i.name === item.name).map(i => list(i.points)), [kind, rule] = item.name.split("/");
			return rule ? `${kind}:\n  ${rule}:\n    ignore: [${polygons.join(", ")}]\n` : `${kind}:\n  ignore: [${polygons.join(", ")}]\n`;
		}
		const [section, points] = sections[item.kind];
		return `${section}:\n  ${text(item.name)}:\n    ${points}: ${list(item.points)}\n` + Object.entries(item.params).map(([k, v]) => `    ${k}: ${value(v)}\n`).join("");
	}

	// Saving.
	async preview() {
		this.saveButton.disabled = true;
		const edits = this.edits();
		try {
			const p = await ask(`draw/cameras/${encodeURIComponent(this.name)}/preview`, {method: "POST", body: {tag: this.has.tag, edits}, signal: this.signal});
			const save = h("button", {type: "button", class: "strong", disabled: p.wrong.length > 0, onclick: () => this.save(edits, save, said)}, `Save into ${this.has.file}`);
			const said = h("p", {role: "status", class: "small"});
			this.saving.replaceChildren(h("h2", {id: "saving-title"}, `What changes in ${this.has.file}`),
				p.wrong.length ? h("div", {class: "trouble", role: "alert"}, h("p", {}, "This cannot be saved:"), h("ul", {}, p.wrong.map(v => h("li", {}, v.line ? `line ${v.line}: ` : "", v.text)))) : "",
				h("pre", {class: "diff", tabindex: "0", "aria-label": "The lines that change"}, p.diff.split("\n").slice(2).map(l => h("span", {class: l[0] === "+" ? "plus" : l[0] === "-" ? "minus" : l[0] === "@" ? "at" : ""}, l + "\n"))),
				said, h("div", {class: "controls"}, save, h("button", {type: "button", onclick: () => this.saving.close()}, "Not yet")));
			this.saving.showModal();
		} catch (e) {
			if (!this.signal.aborted) this.fails(e);
		}
		this.saveButton.disabled = false;
	}
	fails(e) {
		if (e.code !== "changed") { this.state.replaceChildren(trouble(e)); return; }
		// What is drawn stays; it is compared with what the file says now.
		this.state.replaceChildren(h("div", {class: "panel trouble", role: "alert"}, h("p", {}, `${this.has.file} was changed by somebody else meanwhile. What you have drawn is still here.`),
			h("p", {}, h("button", {type: "button", onclick: async () => {
				try {
					this.take(await ask(`draw/cameras/${encodeURIComponent(this.name)}`, {signal: this.signal}));
					this.tell();
					announce("The file was read again");
				} catch (x) { this.fails(x); }
			}}, "Read it again"))));
	}
	async save(edits, button, said) {
		button.disabled = true;
		said.textContent = "It is being saved …";
		try {
			await ask(`draw/cameras/${encodeURIComponent(this.name)}/save`, {method: "POST", body: {tag: this.has.tag, edits}, signal: this.signal});
			this.saving.close();
			drafts.delete(this.name);
			const chosen = this.item();
			await this.camera(this.name, true);
			const again = chosen && this.items.find(i => i.kind === chosen.kind && i.name === chosen.name);
			if (again) this.select(again.id);
			this.state.replaceChildren(h("p", {class: "panel saved", role: "status"}, `Saved into ${this.has.file}. Analyses take it up with their next generation.`));
			announce("Saved");
		} catch (e) {
			if (this.signal.aborted) return;
			if (e.code === "changed") { this.saving.close(); this.fails(e); return; }
			said.textContent = e.message;
			button.disabled = false;
		}
	}

	// The backtest.
	async backtest() {
		const item = this.item();
		// Renamed or not, it is the same thing that is compared.
		const names = new Map(this.items.filter(i => i.was && i.kind !== "mask").map(i => [i.kind + " " + i.name, i.was]));
		const edits = this.edits().filter(e => e.op !== "rename").map(e => e.op === "set" && names.has(e.kind + " " + e.name) ? {...e, name: names.get(e.kind + " " + e.name)} : e);
		const analysis = item.kind === "mask" ? item.name : `${sections[item.kind][0]}/${item.was || item.name}`;
		const bar = h("progress", {max: 1, "aria-label": "How much is compared"}), cancel = h("button", {type: "button"}, "Cancel");
		this.testing = true;
		this.testButton.disabled = true;
		this.test.replaceChildren(h("div", {class: "running"}, bar, cancel));
		let id = null, stopped = false;
		this.stopTest = () => { stopped = true; if (id) request(`draw/backtests/${id}`, {method: "DELETE"}).catch(() => {}); };
		cancel.addEventListener("click", () => this.stopTest());
		try {
			let job = await ask(`draw/cameras/${encodeURIComponent(this.name)}/backtest`, {method: "POST", body: {tag: this.has.tag, edits, hours: +this.hours.value, analysis}, signal: this.signal});
			id = job.id;
			while (job.state === "running" && !this.over) {
				bar.value = job.part;
				await new Promise(r => setTimeout(r, 300));
				job = await ask(`draw/backtests/${id}`, {signal: this.signal});
			}
			if (this.over) return;
			if (job.state === "done") this.showTest(job, item);
			else this.test.replaceChildren(job.state === "cancelled" ? h("p", {class: "quiet", role: "status"}, "It was cancelled.") : trouble(new Error(job.error), () => this.backtest()));
		} catch (e) {
			if (this.signal.aborted) return;
			if (e.code === "changed") { this.test.replaceChildren(); this.fails(e); } else if (!stopped) this.test.replaceChildren(trouble(e, () => this.backtest()));
		} finally {
			this.testing = false;
			this.stopTest = null;
			if (!this.over) this.testButton.disabled = !this.item();
		}
	}
	showTest(job, item) {
		const f = job.found, what = s => [eventName(s.type), s.analysis.includes("/") && s.analysis !== job.analysis ? s.analysis.split("/")[1] : "", s.transition].filter(Boolean).join(", ");
		const change = s => { const d = s.after - s.before; return d ? (d > 0 ? "+" : "−") + count(Math.abs(d)) : "as before"; };
		const facts = `${plural(f.frames, "frame", "frames")} from ${dateTime(f.from)} to ${dateTime(f.to)}, in ${duration(f.seconds)}` + (f.decoded ? `; ${plural(f.decoded, "picture", "pictures")} had to be looked at again` : "; nothing had to be looked at again");
		const hours = f.hours.map(x => ({...x, b: x.before.reduce((a, n) => a + n, 0), a: x.after.reduce((a, n) => a + n, 0)}));
		const table = h("table", {}, h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "What"), h("th", {scope: "col", class: "number"}, "Before"), h("th", {scope: "col", class: "number"}, "After"), h("th", {scope: "col", class: "number"}, "Change"))),
			h("tbody", {}, f.series.map(s => h("tr", {}, h("th", {scope: "row"}, what(s)), h("td", {class: "number before"}, count(s.before)), h("td", {class: "number after"}, count(s.after)), h("td", {class: "number"}, change(s))))));
		const perHour = h("details", {}, h("summary", {}, "Every hour"), h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Every hour"}, h("table", {}, h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Hour"), f.series.map(s => [h("th", {scope: "col", class: "number"}, what(s), " before"), h("th", {scope: "col", class: "number"}, "after")]))),
			h("tbody", {}, hours.map(x => h("tr", {}, h("th", {scope: "row"}, `${isoDate(x.from)} ${shortTime(x.from)}`), f.series.map((_, i) => [h("td", {class: "number"}, count(x.before[i])), h("td", {class: "number"}, count(x.after[i]))])))))));
		const picture = (s, side) => s.width ? h("img", {src: `/api/v1/draw/backtests/${job.id}/pictures/${s.number}/${side}`, width: s.width, height: s.height, alt: `${side === "before" ? "Before" : "After"}: ${what(s)} at ${dateTime(s.at)}`}) : h("p", {class: "none"}, s.why || "no picture");
		const pairs = f.shown.map(s => h("li", {class: "pair"}, h("p", {}, h("span", {class: `tag ${s.kind === "removed" ? "before" : s.kind === "added" ? "after" : ""}`}, s.kind), " ", what(s), " ", h("time", {datetime: s.at, class: "quiet"}, dateTime(s.at))),
			h("div", {class: "sides"}, h("figure", {}, picture(s, "before"), h("figcaption", {class: "before"}, "Before")), h("figure", {}, picture(s, "after"), h("figcaption", {class: "after"}, "After")))));
		this.test.replaceChildren(
			h("p", {role: "status", class: "verdict"}, h("strong", {}, f.differences ? plural(f.differences, "difference", "differences") : "No difference"), " ", h("span", {class: "quiet"}, facts)),
			f.series.length ? h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Before and after"}, table) : h("p", {}, "Nothing happened before, and nothing would have."),
			hours.length > 1 && f.series.length ? chart(hours) : "", f.series.length ? perHour : "",
			f.exact ? "" : h("p", {class: "small"}, "Not exact: ", f.bounds.join("; ")), f.notes.map(n => h("p", {class: "small quiet"}, n)),
			pairs.length ? h("h3", {}, pairs.length < f.differences ? `The first ${count(pairs.length)} differences` : "The differences") : "", h("ul", {class: "pairs"}, pairs),
			h("p", {}, h("a", {class: "button", href: `/api/v1/draw/backtests/${job.id}/report`, download: "backtest.html"}, "Keep the whole report")));
	}
}

// chart draws what happened in each hour, before and after.
function chart(hours) {
	const top = Math.max(1, ...hours.map(x => Math.max(x.b, x.a))), wide = hours.length * 10, high = 60;
	const bars = hours.flatMap((x, i) => [["before", x.b, 1], ["after", x.a, 5]].map(([side, n, at]) => svg("rect", {class: side, x: i * 10 + at, y: (high - n / top * high).toFixed(2), width: 4, height: (n / top * high).toFixed(2)}, svg("title", {}, `${shortTime(x.from)} ${side}: ${n}`))));
	return h("figure", {class: "hourly"}, svg("svg", {viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", role: "img", "aria-label": `Every hour before and after, at most ${top}`}, bars),
		h("figcaption", {class: "quiet small"}, `${dateTime(hours[0].from)} to ${dateTime(hours[hours.length - 1].from)}, an hour each, at most ${count(top)}: `, h("span", {class: "before"}, "before"), " and ", h("span", {class: "after"}, "after")));
}

function row(label, input, help) {
	const id = "field-" + input.getAttribute("name");
	input.id = id;
	if (help) input.setAttribute("aria-describedby", id + "-help");
	return h("div", {class: "field"}, h("label", {for: id}, label), input, help && h("span", {class: "quiet small", id: id + "-help"}, help));
}

const icon = d => svg("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, svg("path", {d}));
