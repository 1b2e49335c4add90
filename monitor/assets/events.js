// Events: a day of all cameras, a list with pictures, and each event with its clip and its neighbours.
import {announce, ask, copy, count, date, dateTime, duration, eventName, h, isoDate, live, page, place, plural, query, request, shortTime, svg, time, trouble} from "./lib.js";

export const title = "Events";

// What an event is about, for colours; its name is always said too.
const kinds = [
	["line", "Lines", /^LineDetector/], ["zone", "Zones", /^FieldDetector/], ["loiter", "Loitering", /^LoiteringDetector/],
	["motion", "Motion", /^MotionRegionDetector/], ["film", "Scenes", /^(SceneCut|KeyFrame|FadeToBlack)$/], ["other", "The camera itself", /./],
];
const kindOf = type => kinds.find(k => k[2].test(type))[0];
const filters = [["camera", "Camera", "cameras"], ["type", "Type", "types"], ["rule", "Rule", "rules"], ["label", "Label", "labels"], ["transition", "Direction", "transitions"]];
const every = ["camera", "type", "rule", "label", "transition", "analysis", "track", "day", "from", "to", "stage"];

/** words say what happened: the rule and which way. */
const transitions = {forward: "forward", backward: "backward", enter: "enters", leave: "leaves", begin: "begins", end: "ends", peak: "peak", crowd: "crowd"};
const words = e => [e.rule_name, transitions[e.transition] || e.transition].filter(Boolean).join(", ");
const name = e => eventName(e.event_type);
const media = (row, what, more = {}) => `/api/v1/events/${row.event.event_id}/${what}${query({at: row.at, ...more})}`;

let view = null;

export async function show(main, at, signal) {
	view = new View(main, signal);
	await view.go(at.query);
}
export function update(at) { view.go(at.query); }
export const keys = {
	Escape: () => view?.dialog.open && view.close(),
	n: () => view?.showNew(),
};

class View {
	constructor(main, signal) {
		this.signal = signal;
		this.rows = [];
		this.fresh = []; // new ones that are not shown yet
		this.filter = "";
		this.day = h("input", {type: "date", "aria-label": "Day", onchange: e => e.target.value && this.to({day: e.target.value, from: "", to: ""})});
		this.dayName = h("span", {class: "quiet day-name"});
		this.selects = Object.fromEntries(filters.map(([key, label], i) => [key, h("select", {"aria-label": label, "data-filter": i === 0, onchange: e => this.to({[key]: e.target.value})})]));
		this.from = h("input", {type: "time", onchange: () => this.times()});
		this.until = h("input", {type: "time", onchange: () => this.times()});
		this.clear = h("button", {type: "button", onclick: () => this.to(Object.fromEntries(every.map(k => [k, ""])))}, "Show all");
		this.lanes = h("div", {class: "lanes"});
		this.summary = h("p", {class: "quiet small", id: "events-summary"});
		this.news = h("button", {type: "button", class: "news strong", hidden: true, onclick: () => this.showNew()});
		this.list = h("ul", {class: "events"});
		this.more = h("button", {type: "button", hidden: true, onclick: () => this.next()}, "Show more");
		this.state = h("div", {});
		this.dialog = h("dialog", {class: "event", "aria-labelledby": "event-title", onclose: () => this.closed()});
		this.dialog.addEventListener("click", e => { if (e.target === this.dialog) this.dialog.close(); });
		this.dialog.addEventListener("keydown", e => this.key(e));
		main.append(
			h("div", {class: "head"}, h("h1", {}, title), h("div", {class: "controls days"},
				h("button", {type: "button", class: "icon", "aria-label": "The day before", onclick: () => this.step(-1)}, "‹"), this.day,
				h("button", {type: "button", class: "icon", "aria-label": "The day after", onclick: () => this.step(1)}, "›"),
				h("button", {type: "button", onclick: () => this.to({day: "", from: "", to: ""})}, "Newest"))),
			this.box = h("details", {class: "filterbox", open: innerWidth > 700}, h("summary", {}, "Filter"), h("div", {class: "controls filters", role: "group", "aria-label": "Which events"}, Object.values(this.selects),
				h("label", {class: "hour"}, "from ", this.from), h("label", {class: "hour"}, "until ", this.until), this.clear)),
			h("section", {class: "panel day", "aria-labelledby": "day-title"}, h("div", {class: "day-head"}, h("h2", {id: "day-title"}, "The day"), this.dayName, legend()), this.lanes, this.summary),
			this.news, this.state, this.list, h("p", {class: "more"}, this.more), this.dialog);
		live("events", n => this.told(n), signal);
		live("reset", () => this.reload(), signal);
		live("inputs", list => {
			const ok = list.find(i => i.name === "output")?.ok !== false;
			if (ok && this.away) this.reload();
			this.away = !ok;
		}, signal);
		signal.addEventListener("abort", () => { clearTimeout(this.later); clearTimeout(this.saying); if (this.dialog.open) this.dialog.close(); });
	}

	// go shows what an address asks for.
	async go(q) {
		const had = this.params;
		this.params = q;
		const filter = query(Object.fromEntries(every.map(k => [k, q.getAll(k)])));
		if (!had || filter !== this.filter) {
			this.filter = filter;
			await this.reload();
			if (this.params !== q) return; // it has become another meanwhile
		}
		const event = q.get("event");
		if (event) await this.open(event, q.get("at"));
		else if (this.dialog.open) this.dialog.close();
	}

	// to changes the address: the values of what is named, and none of an event.
	to(changes) { location.hash = this.address(changes); }
	times() {
		const day = this.shown?.day || isoDate(Date.now());
		this.to({day, from: this.from.value && `${day}T${this.from.value}`, to: this.until.value && `${day}T${this.until.value}`});
	}
	step(by) {
		const d = new Date((this.shown?.day || isoDate(Date.now())) + "T12:00:00Z");
		d.setUTCDate(d.getUTCDate() + by);
		this.to({day: d.toISOString().slice(0, 10), from: "", to: ""});
	}

	async reload() {
		this.loading?.abort();
		const mine = this.loading = new AbortController();
		this.signal.addEventListener("abort", () => mine.abort());
		const q = this.params, day = Object.fromEntries(["camera", "type", "rule", "label", "transition", "analysis", "track", "stage", "day"].map(k => [k, q.getAll(k)]));
		this.list.setAttribute("aria-busy", "true");
		try {
			const [shown, first] = await Promise.all([ask("events/day" + query(day), {signal: mine.signal}), ask("events" + this.filter, {signal: mine.signal})]);
			if (mine.signal.aborted) return;
			this.state.replaceChildren();
			this.shown = shown;
			this.fresh = [];
			this.tellNews();
			this.rows = [];
			this.list.replaceChildren();
			this.showDay();
			this.add(first);
			if (!first.events.length) this.state.replaceChildren(this.none());
		} catch (e) {
			if (mine.signal.aborted) return;
			this.state.replaceChildren(trouble(e, () => this.reload()));
			if (e.code === "away" || e.code === "unreachable" || e.code === "too_many") this.again();
		} finally {
			if (this.loading === mine) this.list.removeAttribute("aria-busy");
		}
	}
	// again tries once more in a while: what is away comes back.
	again() {
		clearTimeout(this.later);
		this.later = setTimeout(() => { if (!this.signal.aborted) this.reload(); }, 3000);
	}
	none() {
		const some = this.filter && this.filter !== "?";
		return h("div", {class: "empty panel"}, h("p", {}, some ? "No event matches." : "Nothing has happened yet."),
			some && h("p", {}, h("button", {type: "button", onclick: () => this.clear.click()}, "Show all events")));
	}
	async next() {
		this.more.disabled = true;
		try {
			const had = this.rows.length;
			this.add(await ask("events" + query({...Object.fromEntries(every.map(k => [k, this.params.getAll(k)])), cursor: this.cursor}), {signal: this.signal}));
			this.list.children[had]?.querySelector("a")?.focus();
		} catch (e) {
			if (!this.signal.aborted) this.state.replaceChildren(trouble(e, () => this.next()));
		}
		this.more.disabled = false;
	}
	add(answer) {
		const known = new Set(this.rows.map(r => r.event.event_id));
		const rows = answer.events.filter(r => !known.has(r.event.event_id));
		this.rows.push(...rows);
		this.list.append(...rows.map(r => this.card(r)));
		this.cursor = answer.cursor;
		this.more.hidden = !answer.more;
	}

	link(row) {
		const q = new URLSearchParams(this.params);
		q.set("event", row.event.event_id);
		q.set("at", row.at);
		return place("events") + "?" + q;
	}
	card(row, isNew = false) {
		const e = row.event, at = row.at / 1000;
		return h("li", {class: isNew ? "new" : null, dataset: {event: e.event_id}}, h("a", {href: this.link(row)},
			thumb(row),
			h("span", {class: "what"}, h("span", {class: `kind ${kindOf(e.event_type)}`, "aria-hidden": "true"}), h("strong", {}, name(e)), words(e) && h("span", {}, words(e))),
			h("span", {class: "where"}, h("span", {}, e.camera || "no camera"), e.object_label && h("span", {class: "tag"}, e.object_label)),
			h("time", {datetime: new Date(at).toISOString()}, h("span", {class: "clock"}, time(at)), " ", h("span", {class: "quiet"}, isoDate(at)))));
	}

	// New ones.
	told(n) {
		if (n.many) {
			this.fresh = [];
			this.reload();
			this.say(plural(n.many, "new event", "new events"));
			return;
		}
		if (n.id) { // the output has it now, and so there is a picture
			for (const r of [...this.rows, ...this.fresh]) if (r.event.event_id === n.id) r.pending = false;
			this.list.querySelector(`[data-event="${CSS.escape(n.id)}"] .thumb`)?.dispatchEvent(new Event("stored"));
			return;
		}
		const row = n.row, e = row.event;
		row.pending = !n.stored;
		if (this.rows.some(r => r.event.event_id === e.event_id) || !this.wants(row)) return;
		this.fresh.push(row);
		this.count(row);
		this.say(`New event: ${name(e)}, ${[e.camera, words(e)].filter(Boolean).join(", ")}`);
		if (window.scrollY < 250 && !document.hidden) this.showNew();
		else this.tellNews();
	}
	// wants is the filter, for one event.
	wants(row) {
		const e = row.event, q = this.params, one = (key, value) => { const of = q.getAll(key); return !of.length || of.includes(String(value ?? "")); };
		const at = dateTime(row.at / 1000).replace(" ", "T"), day = q.get("day"), from = q.get("from"), to = q.get("to");
		return one("camera", e.camera) && one("type", e.event_type) && one("rule", e.rule_name) && one("label", e.object_label) && one("transition", e.transition) &&
			one("analysis", e.analysis) && one("track", e.track_id) && (!day || at.startsWith(day)) && (!from || at >= from) && (!to || at < to);
	}
	showNew() {
		if (!this.fresh.length) return;
		const rows = this.fresh;
		this.fresh = [];
		this.tellNews();
		this.state.replaceChildren();
		for (const row of rows) {
			let i = this.rows.findIndex(r => order(r, row) <= 0);
			if (i < 0) i = this.rows.length;
			this.rows.splice(i, 0, row);
			this.list.insertBefore(this.card(row, true), this.list.children[i] || null);
		}
		if (window.scrollY >= 250) this.list.scrollIntoView({block: "start"});
	}
	tellNews() {
		this.news.hidden = !this.fresh.length;
		this.news.textContent = "Show " + plural(this.fresh.length, "new event", "new events");
	}
	// say says it once in a while: a busy street is no reason to talk without end.
	say(text) {
		this.unsaid = (this.unsaid || 0) + 1;
		this.lastSaid = text;
		if (this.saying) return;
		const say = () => {
			this.saying = 0;
			if (!this.unsaid) return;
			announce(this.unsaid === 1 ? this.lastSaid : `${count(this.unsaid)} new events, the last: ${this.lastSaid.replace("New event: ", "")}`);
			this.unsaid = 0;
			this.saying = setTimeout(say, 8000);
		};
		this.saying = setTimeout(say, 300);
	}
	// count adds a new event to the day that is shown.
	count(row) {
		const d = this.shown, e = row.event, at = row.at / 1000;
		if (!d || at < Date.parse(d.from) || at >= Date.parse(d.to)) return;
		let lane = d.lanes.find(l => l.camera === e.camera);
		if (!lane) d.lanes.push(lane = {camera: e.camera, frames: 0, events: 0, seen: [], bins: {}, spans: [], more_spans: 0});
		const bin = Math.floor((at - Date.parse(d.from)) / 1000 / d.bin);
		lane.events++;
		d.events++;
		(lane.bins[e.event_type] ||= {})[bin] = (lane.bins[e.event_type][bin] || 0) + 1;
		clearTimeout(this.redraw);
		this.redraw = setTimeout(() => { if (!this.signal.aborted) this.showDay(); }, 200);
	}

	// The day.
	showDay() {
		const d = this.shown, q = this.params;
		this.day.value = d.day;
		if (!d.first.startsWith("0001")) { this.day.min = isoDate(d.first); this.day.max = isoDate(d.last); }
		this.dayName.textContent = date(Date.parse(d.from) + 43200000);
		for (const [key, label, facet] of filters) {
			const values = new Map(Object.entries(d.facets[facet])), now = q.get(key) || "";
			if (key === "camera") for (const c of page.cameras || []) if (!values.has(c)) values.set(c, 0);
			if (now && !values.has(now)) values.set(now, 0);
			const say = v => key === "type" ? eventName(v) : key === "transition" ? transitions[v] || v : v;
			this.selects[key].replaceChildren(h("option", {value: ""}, `${label}: all`),
				...[...values].sort((a, b) => say(a[0]).localeCompare(say(b[0]))).map(([v, n]) => h("option", {value: v}, `${say(v)} (${count(n)})`)));
			this.selects[key].value = now;
		}
		this.from.value = (q.get("from") || "").slice(11, 16);
		this.until.value = (q.get("to") || "").slice(11, 16);
		const active = every.filter(k => q.get(k)).length;
		this.clear.disabled = !active;
		this.box.querySelector("summary").textContent = active ? `Filter (${active})` : "Filter";
		const most = Math.max(1, ...d.lanes.map(l => Math.max(0, ...totals(l, d))));
		const focused = this.lanes.contains(document.activeElement) ? document.activeElement.closest("[data-camera]")?.dataset.camera : null;
		this.lanes.replaceChildren(...d.lanes.map(l => this.lane(l, d, most)), axis(d), this.table(d));
		if (focused) this.lanes.querySelector(`[data-camera="${CSS.escape(focused)}"] .track`)?.focus();
		this.summary.textContent = d.lanes.length
			? `${plural(d.events, "event", "events")} of ${plural(d.lanes.length, "camera", "cameras")}` + (d.more ? `; ${count(d.more)} more cameras are not shown: choose one` : "") + ". A click on the day shows the events of ten minutes."
			: "There are no frames of this day.";
	}
	lane(l, d, most) {
		const minutes = (Date.parse(d.to) - Date.parse(d.from)) / 60000, per = d.bin / 60, bins = totals(l, d), high = 40;
		const parts = l.seen.map(([a, b]) => svg("rect", {class: "seen", x: a, y: 0, width: b - a, height: high}));
		const hatch = svg("rect", {class: "unseen", x: 0, y: 0, width: minutes, height: high});
		for (let i = 0; i < bins.length; i++) {
			if (!bins[i]) continue;
			let y = high;
			for (const [kind] of kinds) {
				let n = 0;
				for (const [type, of] of Object.entries(l.bins)) if (kindOf(type) === kind) n += of[i] || 0;
				if (!n) continue;
				const tall = Math.max(n / most * (high - 8), 2);
				parts.push(svg("rect", {class: `bin ${kind}`, x: i * per + .5, y: (y -= tall).toFixed(2), width: per - 1, height: tall.toFixed(2)}));
			}
		}
		for (const s of l.spans) {
			const a = (Date.parse(s.from) - Date.parse(d.from)) / 60000, b = s.to.startsWith("0001") ? Math.min(minutes, l.seen.length ? l.seen[l.seen.length - 1][1] : a) : (Date.parse(s.to) - Date.parse(d.from)) / 60000;
			parts.push(svg("rect", {class: `span ${kindOf(s.type)}`, x: a, y: 0, width: Math.max(b - a, 1.5), height: 4}, svg("title", {}, `${eventName(s.type)} ${s.rule} ${time(s.from)}–${s.to.startsWith("0001") ? "" : time(s.to)}`)));
		}
		const cursor = svg("rect", {class: "cursor", x: 0, y: 0, width: per, height: high, visibility: "hidden"});
		const drawing = svg("svg", {viewBox: `0 0 ${minutes} ${high}`, preserveAspectRatio: "none", "aria-hidden": "true"}, hatch, parts, cursor);
		const at = i => shortTime(Date.parse(d.from) + i * d.bin * 1000);
		const tip = h("span", {class: "tip", hidden: true});
		const track = h("div", {class: "track", role: "slider", tabindex: "0", "aria-label": `${l.camera}, ${plural(l.events, "event", "events")}: choose ten minutes`, "aria-valuemin": 0, "aria-valuemax": bins.length - 1}, drawing, tip);
		let now = Math.max(bins.findIndex(Boolean), 0);
		const value = i => `${at(i)} to ${at(i + 1)}: ${plural(bins[i] || 0, "event", "events")}`;
		const move = (i, seen) => {
			now = Math.min(Math.max(i, 0), bins.length - 1);
			track.setAttribute("aria-valuenow", now);
			track.setAttribute("aria-valuetext", value(now));
			cursor.setAttribute("x", now * per);
			cursor.setAttribute("visibility", seen ? "visible" : "hidden");
			tip.hidden = !seen;
			tip.textContent = value(now);
			tip.style.left = `${(now + .5) / bins.length * 100}%`;
			tip.dataset.side = now > bins.length / 2 ? "left" : "right";
		};
		move(now, false);
		const choose = i => {
			const stamp = j => j >= bins.length ? "" : `${d.day}T${at(j)}`;
			this.to({camera: l.camera, day: d.day, from: stamp(i), to: stamp(i + 1)});
		};
		const where = e => { const box = track.getBoundingClientRect(); return Math.floor((e.clientX - box.left) / box.width * bins.length); };
		track.addEventListener("pointermove", e => move(where(e), true));
		track.addEventListener("pointerleave", () => move(now, track === document.activeElement));
		track.addEventListener("focus", () => move(now, true));
		track.addEventListener("blur", () => move(now, false));
		track.addEventListener("click", e => choose(Math.min(Math.max(where(e), 0), bins.length - 1)));
		track.addEventListener("keydown", e => {
			const by = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 6, PageDown: -6}[e.key];
			if (by) move(now + by, true);
			else if (e.key === "Home") move(0, true);
			else if (e.key === "End") move(bins.length - 1, true);
			else if (e.key === "Enter" || e.key === " ") choose(now);
			else return;
			e.preventDefault();
			e.stopPropagation();
		});
		return h("div", {class: "lane", dataset: {camera: l.camera}},
			h("a", {class: "camera", href: this.address({camera: l.camera})}, l.camera), h("span", {class: "number quiet"}, count(l.events)), track);
	}
	address(changes) {
		const q = new URLSearchParams(this.params);
		for (const k of ["event", "at"]) q.delete(k);
		for (const [k, v] of Object.entries(changes)) { q.delete(k); if (v) q.set(k, v); }
		const text = q.toString();
		return place("events") + (text ? "?" + text : "");
	}
	// table says the same as the lanes, for who does not see them.
	table(d) {
		const per = 3600 / d.bin, hours = Math.ceil((Date.parse(d.to) - Date.parse(d.from)) / 3600000);
		const rows = [];
		for (const l of d.lanes) {
			const bins = totals(l, d);
			for (let i = 0; i < hours; i++) {
				const n = bins.slice(i * per, (i + 1) * per).reduce((a, b) => a + b, 0), seen = l.seen.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(b, (i + 1) * 60) - Math.max(a, i * 60)), 0);
				if (!n && !seen) continue;
				const from = Date.parse(d.from) + i * 3600000, stamp = t => t >= Date.parse(d.to) ? "" : `${d.day}T${shortTime(t)}`;
				rows.push(h("tr", {}, h("th", {scope: "row"}, l.camera), h("td", {}, h("a", {href: this.address({camera: l.camera, day: d.day, from: stamp(from), to: stamp(from + 3600000)})}, `${shortTime(from)}–${shortTime(from + 3600000)}`)), h("td", {class: "number"}, count(n)), h("td", {class: "number"}, `${seen} min`)));
			}
		}
		const open = this.lanes.querySelector("details")?.open;
		return h("details", {open}, h("summary", {}, "As a table"), h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "The day as a table"}, h("table", {}, h("thead", {}, h("tr", {}, ["Camera", "Hour", "Events", "With frames"].map((t, i) => h("th", {scope: "col", class: i > 1 ? "number" : null}, t)))), h("tbody", {}, rows))));
	}

	// One event.
	async open(id, at) {
		if (this.opened === id && this.dialog.open) return;
		if (!this.dialog.open) this.back = document.activeElement;
		this.opened = id;
		const mine = id, q = Object.fromEntries(every.map(k => [k, this.params.getAll(k)]));
		if (!this.dialog.open) {
			this.dialog.replaceChildren(h("h2", {id: "event-title"}, "Event"), h("p", {class: "quiet"}, "One moment …"));
			this.dialog.showModal();
		}
		let found;
		try {
			found = await ask(`events/${encodeURIComponent(id)}` + query({...q, at}), {signal: this.signal});
		} catch (e) {
			if (this.signal.aborted || this.opened !== mine) return;
			this.dialog.replaceChildren(this.bar(null), trouble(e, () => { this.opened = null; this.open(id, at); }));
			return;
		}
		if (this.opened !== mine) return;
		this.showEvent(found);
	}
	bar(found) {
		const step = (row, word, symbol, key) => row
			? h("a", {class: "button", href: this.link(row), title: key, "data-step": word}, symbol === "‹" ? "‹ " : "", word, symbol === "›" ? " ›" : "")
			: h("span", {class: "button off", "aria-disabled": "true"}, word);
		return h("div", {class: "event-bar"}, found && step(found.earlier, "Earlier", "‹", "Left arrow"), found && step(found.later, "Later", "›", "Right arrow"),
			h("button", {type: "button", class: "icon close", "aria-label": "Close", onclick: () => this.dialog.close()}, "×"));
	}
	showEvent(found) {
		const row = found.row, e = row.event, at = row.at / 1000;
		this.found = found;
		const stage = h("div", {class: "stage"}), note = h("p", {class: "quiet small note", role: "status"});
		const length = h("select", {"aria-label": "How much of it"}, [["5s", "5 s before and after"], ["10s", "10 s before and after"], ["30s", "30 s before and after"], ["60s", "1 min before and after"]].map(([v, t]) => h("option", {value: v}, t)));
		const boxes = h("input", {type: "checkbox", checked: true, id: "event-boxes"});
		const picture = () => {
			const img = h("img", {alt: `${name(e)}, ${[e.camera, words(e), dateTime(at)].filter(Boolean).join(", ")}`});
			img.addEventListener("error", async () => {
				let why = "There is no picture of it.";
				try { await request(media(row, "picture").replace("/api/v1/", ""), {signal: this.signal}); } catch (x) { why = x.message; }
				stage.replaceChildren(h("p", {class: "none"}, why));
			});
			img.src = media(row, "picture");
			stage.replaceChildren(img);
			note.textContent = "";
		};
		const options = () => ({before: length.value, after: length.value, boxes: boxes.checked ? "" : "false"});
		const play = async () => {
			button.disabled = true;
			note.textContent = "The clip is being made …";
			const mine = this.opened;
			try {
				const made = await request(media(row, "clip", options()).replace("/api/v1/", ""), {method: "HEAD", signal: this.signal});
				if (this.opened !== mine || !this.dialog.open) return;
				const about = JSON.parse(made.headers.get("X-Clip"));
				const video = h("video", {controls: true, autoplay: true, playsinline: true, muted: true, src: media(row, "clip", options()), "aria-label": `Clip of ${name(e)}, ${e.camera}`});
				video.muted = true;
				stage.replaceChildren(video);
				note.textContent = `${plural(about.frames, "frame", "frames")} in ${duration(about.seconds)}` + (about.left_out ? `; ${count(about.left_out)} are not kept any more` : "") + (about.gaps ? `; ${plural(about.gaps, "gap", "gaps")}` : "") + (about.ended ? "; it is cut off" : "");
			} catch (x) {
				if (this.signal.aborted) return;
				// A HEAD has no words: the same once more says why.
				let why = x.message;
				try { await request(media(row, "clip", options()).replace("/api/v1/", ""), {signal: this.signal}); } catch (y) { why = y.message; }
				note.textContent = why;
			} finally {
				button.disabled = false;
			}
		};
		const button = h("button", {type: "button", class: "strong", onclick: play}, "Play the clip");
		const again = () => { if (stage.querySelector("video")) play(); };
		length.addEventListener("change", again);
		boxes.addEventListener("change", again);
		const fact = (label, value) => value === null || value === undefined || value === "" ? [] : [h("dt", {}, label), h("dd", {}, value)];
		const json = JSON.stringify(e, null, 2);
		this.dialog.replaceChildren(
			this.bar(found),
			h("h2", {id: "event-title"}, name(e), words(e) && h("span", {class: "quiet"}, " ", words(e))),
			stage, h("div", {class: "controls"}, button, h("button", {type: "button", onclick: picture}, "Picture"), length, h("label", {class: "check"}, boxes, " Boxes"),
				h("a", {class: "button", href: media(row, "picture"), download: `${e.event_id.slice(0, 8)}.jpg`}, "Save the picture")),
			note,
			h("dl", {class: "facts"}, fact("When", dateTime(at)), fact("Camera", e.camera && h("a", {href: place("cameras", e.camera)}, e.camera)), fact("Rule", e.rule_name && `${e.rule_name} (${e.analysis})`), e.rule_name ? [] : fact("Found by", e.analysis),
				fact("Object", [e.object_label, e.track_id && `track ${e.track_id}`].filter(Boolean).join(", ")), fact("Value", e.amount || null), fact("Detail", e.detail), fact("Frame", `${e.topic}/${e.log_partition} @ ${e.log_offset}`)),
			h("details", {}, h("summary", {}, "The row as JSON"), h("pre", {tabindex: "0"}, json), h("button", {type: "button", onclick: async ev => { await copy(json, ev.target); }}, "Copy")),
			h("p", {}, h("button", {type: "button", onclick: ev => copy(location.href, ev.target)}, "Copy the address of this event")));
		if (row.clip) picture();
		else stage.replaceChildren(h("p", {class: "none"}, "It is of no camera."));
		announce(`${name(e)}, ${[e.camera, words(e)].filter(Boolean).join(", ")}, ${dateTime(at)}`);
	}
	key(e) {
		if (e.target.closest("video, select, input")) return;
		const to = {ArrowLeft: this.found?.earlier, ArrowRight: this.found?.later}[e.key];
		if (!to) return;
		e.preventDefault();
		location.hash = this.link(to);
	}
	close() { this.dialog.close(); }
	closed() {
		const id = this.opened;
		this.opened = this.found = null;
		this.dialog.replaceChildren();
		if (this.signal.aborted) return;
		if (this.params.get("event")) this.to({});
		const card = this.list.querySelector(`[data-event="${CSS.escape(id || "")}"] a`);
		(card || (this.back?.isConnected ? this.back : null))?.focus({preventScroll: true});
	}
}

// thumb is a small picture; that of an event which the output does not have yet comes when it does.
function thumb(row) {
	const box = h("span", {class: "thumb"});
	if (!row.clip) return box;
	const img = h("img", {alt: "", loading: "lazy", decoding: "async", width: 320, height: 240});
	const load = () => { delete box.dataset.none; img.src = media(row, "picture", {size: "small"}); box.append(img); };
	img.addEventListener("error", () => { img.remove(); box.dataset.none = "no picture"; });
	box.addEventListener("stored", load);
	if (row.pending) box.dataset.none = "the picture comes soon";
	else load();
	return box;
}

// order is that of the server's lists: by time, then by place in the log.
function order(a, b) {
	const x = a.event, y = b.event;
	return a.at - b.at || (x.topic < y.topic ? -1 : x.topic > y.topic ? 1 : 0) || x.log_partition - y.log_partition || x.log_offset - y.log_offset;
}

function totals(l, d) {
	const n = Math.round((Date.parse(d.to) - Date.parse(d.from)) / 1000 / d.bin), bins = new Array(n).fill(0);
	for (const of of Object.values(l.bins)) for (const [i, k] of Object.entries(of)) bins[i] += k;
	return bins;
}

function axis(d) {
	const hours = [];
	for (let i = 0; i < 24; i += 3) hours.push(h("span", {}, shortTime(Date.parse(d.from) + i * 3600000)));
	return h("div", {class: "hours", "aria-hidden": "true"}, hours);
}

function legend() {
	return h("ul", {class: "legend"}, kinds.map(([kind, label]) => h("li", {}, h("span", {class: `kind ${kind}`, "aria-hidden": "true"}), label)), h("li", {}, h("span", {class: "kind unseen", "aria-hidden": "true"}), "no frames"));
}
