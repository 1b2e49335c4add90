// Cameras: a grid of live pictures, and a camera's own view with its day.
import {age, ask, announce, count, dateTime, decimal, duration, eventName, every, go, h, live, place, plural, query, request, setNow, shortTime, svg, time, trouble} from "./lib.js";
import {curve, bars} from "./charts.js";

export const title = "Cameras";

// What is shown in pictures, kept for the next visit.
const settings = {boxes: true, shapes: true, show: "automatic", size: "middle"};
try { Object.assign(settings, JSON.parse(localStorage.getItem("cameras") || "{}")); } catch { /* storage is off */ }
function set(name, value) {
	settings[name] = value;
	try { localStorage.setItem("cameras", JSON.stringify(settings)); } catch { /* storage is off */ }
	document.dispatchEvent(new CustomEvent("cameras-settings"));
}
function toggle(name, what) {
	set(name, !settings[name]);
	announce(`${what} ${settings[name] ? "shown" : "hidden"}`);
}
export const keys = {
	b: () => toggle("boxes", "Boxes"),
	z: () => toggle("shapes", "Zones and lines"),
	Escape: () => { if (/^#\/cameras\/./.test(location.hash)) go("cameras"); },
};

export async function show(main, at, signal) {
	if (at.rest.length) return one(main, at.rest[0], at.query, signal);
	return grid(main, signal);
}

function toolbar(signal, ...more) {
	const boxes = h("button", {type: "button", title: "b", onclick: () => toggle("boxes", "Boxes")}, "Boxes");
	const shapes = h("button", {type: "button", title: "z", onclick: () => toggle("shapes", "Zones and lines")}, "Zones");
	const which = h("select", {"aria-label": "Which picture", onchange: e => set("show", e.target.value)},
		h("option", {value: "automatic"}, "Newest with results"), h("option", {value: "newest"}, "Newest frame"), h("option", {value: "analysed"}, "Only with results"));
	const tell = () => {
		boxes.setAttribute("aria-pressed", settings.boxes);
		shapes.setAttribute("aria-pressed", settings.shapes);
		which.value = settings.show;
	};
	tell();
	document.addEventListener("cameras-settings", tell, {signal});
	return h("div", {class: "controls"}, more, boxes, shapes, which);
}

// States of a camera, in words and how bad they are.
const states = {
	ok: ["good", "live"], fault: ["warn", "fault"], silent: ["bad", "silent"], lost: ["bad", "lost"], stopped: ["warn", "stopped"],
	ended: ["", "ended"], failed: ["bad", "failed"], none: ["", "no frames"],
};
function stateTag(c) {
	const [kind, word] = states[c.state] || ["", c.state];
	const text = c.state === "fault" ? c.faults.map(f => eventName(f.type)).join(", ") : word;
	return h("span", {class: `tag ${kind}`, title: c.why || null}, text);
}

// A picture with what was found in it, drawn over it.
class Picture {
	constructor(camera, large) {
		this.camera = camera;
		this.large = large;
		this.key = "";
		this.trails = new Map();
		this.img = h("img", {alt: `Camera ${camera}: no picture yet`, draggable: "false"});
		this.img.hidden = true;
		this.svg = svg("svg", {class: "overlay", "aria-hidden": "true"});
		this.none = h("p", {class: "none"}, "waiting for a picture");
		this.note = h("span", {class: "note", hidden: true});
		this.element = h("div", {class: "picture"}, this.img, this.svg, this.none, this.note);
	}
	/** take shows what the server has sent: head says what it is, picture is its JPEG. */
	async take(head, picture) {
		if (head.none) {
			if (this.img.hidden) this.none.textContent = `no picture: ${head.none}`;
			return;
		}
		const address = URL.createObjectURL(new Blob([picture], {type: "image/jpeg"}));
		const next = new Image();
		next.src = address;
		try { await next.decode(); } catch { URL.revokeObjectURL(address); return; }
		const old = this.img.src;
		this.img.src = address;
		this.img.alt = `Camera ${this.camera} at ${dateTime(head.captured)}: ` + (head.analysed ? plural(head.boxes.length, "box", "boxes") : "not analysed yet");
		if (old.startsWith("blob:")) URL.revokeObjectURL(old);
		this.img.hidden = false;
		this.none.hidden = true;
		this.key = head.key;
		this.head = head;
		this.draw();
	}
	/** draw draws boxes, tracks, zones and lines of the picture that is shown. */
	draw() {
		const f = this.head;
		if (!f) return;
		this.element.style.aspectRatio = `${f.width} / ${f.height}`;
		this.element.dataset.offset = `${f.partition}@${f.offset}`;
		const unit = f.width / (this.element.clientWidth || 400); // pixels of the frame to one of the window
		this.svg.setAttribute("viewBox", `0 0 ${f.width} ${f.height}`);
		const parts = [];
		if (settings.shapes) for (const s of shapesOf(this.camera, f.config, () => this.draw())) parts.push(drawShape(s, f, unit, this.large));
		if (settings.boxes && f.analysed) {
			const now = new Map();
			for (const b of f.boxes) {
				const state = b.s || "found";
				parts.push(svg("rect", {class: `box ${state}`, x: b.x, y: b.y, width: b.w, height: b.h, "stroke-width": 2 * unit, rx: 2 * unit}));
				if (b.t) {
					const trail = (this.trails.get(b.t) || []).filter(p => p.o !== f.offset).concat({o: f.offset, x: b.x + b.w / 2, y: b.y + b.h}).slice(-12);
					now.set(b.t, trail);
					if (trail.length > 1) parts.push(svg("polyline", {class: "trail", points: trail.map(p => `${p.x},${p.y}`).join(" "), "stroke-width": 1.5 * unit}));
				}
				const label = [b.l, b.p < 1 ? Math.round(b.p * 100) + " %" : ""].filter(Boolean).join(" ");
				if (label && this.large) parts.push(svg("text", {class: "label", x: b.x + 2 * unit, y: Math.max(b.y - 3 * unit, 10 * unit), "font-size": 11 * unit}, label));
			}
			this.trails = now;
		}
		this.svg.replaceChildren(...parts);
		this.note.hidden = f.analysed;
		this.note.textContent = f.analysed ? "" : "not analysed yet";
	}
	close() { if (this.img.src.startsWith("blob:")) URL.revokeObjectURL(this.img.src); }
}

function drawShape(s, f, unit, large) {
	const points = s.points.map(([x, y]) => [x * f.width, y * f.height]), text = points.map(p => p.join(",")).join(" ");
	const [x, y] = points.reduce((a, p) => p[1] < a[1] ? p : a);
	const name = large && svg("text", {class: "name", x: Math.min(Math.max(x, 4 * unit), f.width - 60 * unit), y: Math.min(Math.max(y + 14 * unit, 14 * unit), f.height - 4 * unit), "font-size": 12 * unit}, s.name);
	if (s.zone) return svg("g", {class: "zone"}, svg("polygon", {points: text, "stroke-width": 1.5 * unit}), name);
	// The arrow points to where a crossing is "forward": from the left of the line to its right.
	const [a, b] = [points[0], points[points.length - 1]], [dx, dy] = [b[0] - a[0], b[1] - a[1]], long = Math.hypot(dx, dy) || 1;
	const m = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], tip = [m[0] - dy / long * 14 * unit, m[1] + dx / long * 14 * unit];
	return svg("g", {class: "line"}, svg("polyline", {points: text, "stroke-width": 2 * unit}),
		s.forward && svg("line", {x1: m[0], y1: m[1], x2: tip[0], y2: tip[1], "stroke-width": 2 * unit}),
		s.forward && svg("circle", {cx: tip[0], cy: tip[1], r: 3 * unit}), name);
}

// Lines and zones, by camera and configuration.
const shapes = new Map();
function shapesOf(camera, config, then) {
	const known = shapes.get(camera);
	if (known && known.config === (config || known.config)) return known.list;
	if (!known?.asking) {
		const entry = {config: config || "", list: known?.list || [], asking: true};
		shapes.set(camera, entry);
		ask(`cameras/${camera}/shapes`).then(got => { entry.list = got.shapes; entry.config = config || got.config; then(); }, () => shapes.delete(camera)).finally(() => { entry.asking = false; });
	}
	return known?.list || [];
}

/** fetchPictures asks for what is new of these pictures, all in one request. */
async function fetchPictures(pictures, size, signal) {
	if (!pictures.length) return;
	const want = pictures.map(p => p.key && p.asked === settings.show ? `${p.camera}:${p.key}` : p.camera).join(",");
	for (const p of pictures) p.asked = settings.show;
	const answer = await request("cameras/pictures" + query({want, size, show: settings.show}), {signal});
	const data = await answer.arrayBuffer(), words = new DataView(data), text = new TextDecoder();
	const of = new Map(pictures.map(p => [p.camera, p])), done = [];
	for (let at = 0; at < data.byteLength;) {
		const long = words.getUint32(at), head = JSON.parse(text.decode(new Uint8Array(data, at + 4, long)));
		at += 4 + long;
		const size = words.getUint32(at);
		done.push(of.get(head.camera)?.take(head, new Uint8Array(data, at + 4, size)));
		at += 4 + size;
	}
	await Promise.all(done);
}

async function grid(main, signal) {
	const filter = h("input", {type: "search", placeholder: "Filter cameras", "aria-label": "Filter cameras", "data-filter": true});
	const only = h("select", {"aria-label": "Which cameras"}, h("option", {value: ""}, "All"), h("option", {value: "bad"}, "With troubles"), h("option", {value: "ok"}, "Live"));
	const size = h("select", {"aria-label": "Size of pictures", onchange: e => { set("size", e.target.value); list.dataset.size = settings.size; }},
		["small", "middle", "large"].map(s => h("option", {value: s, selected: settings.size === s}, s[0].toUpperCase() + s.slice(1))));
	const sum = h("p", {class: "sum quiet"}), list = h("ul", {class: "grid", dataset: {size: settings.size}}), empty = h("div", {class: "empty", hidden: true});
	main.append(h("div", {class: "head"}, h("h1", {}, title), sum, toolbar(signal, filter, only, size)), list, empty);

	const cards = new Map();
	let told = null;
	const seen = new Set();
	const eye = new IntersectionObserver(entries => {
		for (const e of entries) if (e.isIntersecting) seen.add(e.target.dataset.camera); else seen.delete(e.target.dataset.camera);
		poll?.();
	}, {rootMargin: "200px"});
	signal.addEventListener("abort", () => { eye.disconnect(); for (const c of cards.values()) c.picture.close(); });

	function tell() {
		if (!told) return;
		const wanted = told.cameras.filter(c => c.id.toLowerCase().includes(filter.value.trim().toLowerCase()) &&
			(only.value === "" || (only.value === "ok") === (c.state === "ok")));
		for (const [id, c] of cards) if (!wanted.some(w => w.id === id)) { eye.unobserve(c.element); seen.delete(id); c.picture.close(); c.element.remove(); cards.delete(id); }
		let before = null;
		for (const c of wanted) {
			let card = cards.get(c.id);
			if (!card) {
				card = new Card(c.id);
				cards.set(c.id, card);
				eye.observe(card.element);
			}
			if (before ? before.nextSibling !== card.element : list.firstChild !== card.element) list.insertBefore(card.element, before ? before.nextSibling : list.firstChild);
			card.tell(c, told);
			before = card.element;
		}
		const by = {};
		for (const c of told.cameras) by[c.state] = (by[c.state] || 0) + 1;
		sum.textContent = [plural(told.cameras.length, "camera", "cameras"), ...Object.keys(states).filter(s => by[s]).map(s => `${count(by[s])} ${states[s][1]}`)].join(" · ") +
			(told.today || !told.day || told.day.startsWith("0001") ? "" : ` · counts of ${told.day}, the last day with frames`) + (told.current ? "" : " · still counting");
		empty.hidden = wanted.length > 0;
		empty.replaceChildren(h("p", {}, told.cameras.length ? "No camera fits the filter." : "There is no camera yet: none in cameras.yaml, and no frame in the output."));
	}
	filter.addEventListener("input", tell);
	only.addEventListener("change", tell);
	try {
		told = await ask("cameras", {signal});
		setNow(told.now);
		tell();
	} catch (e) {
		if (signal.aborted) return;
		list.before(trouble(e));
	}
	live("cameras", t => { told = t; setNow(t.now); tell(); }, signal);
	const poll = every(0, async () => {
		const shown = [...seen].map(id => cards.get(id)?.picture).filter(Boolean).slice(0, 128);
		const begun = Date.now();
		await fetchPictures(shown, "small", signal);
		await new Promise(r => setTimeout(r, Math.max(50, (shown.length > 16 ? 1000 : 500) - (Date.now() - begun))));
	}, signal);
	const tick = setInterval(() => { for (const c of cards.values()) c.age(); }, 1000);
	document.addEventListener("cameras-settings", () => { for (const c of cards.values()) c.picture.draw(); }, {signal});
	signal.addEventListener("abort", () => clearInterval(tick));
}

class Card {
	constructor(id) {
		this.picture = new Picture(id, false);
		this.state = h("span");
		this.facts = h("p", {class: "facts-line quiet"});
		this.aged = h("span", {class: "age"});
		this.rate = h("span");
		this.lack = h("span");
		this.facts.append(this.aged, this.rate, this.lack);
		this.counts = h("ul", {class: "counts"});
		this.element = h("li", {class: "card", dataset: {camera: id}},
			h("a", {href: place("cameras", id), class: "open"}, this.picture.element, h("span", {class: "title"}, id)), this.state, this.facts, this.counts);
	}
	tell(c) {
		this.c = c;
		this.element.dataset.state = c.state;
		const tag = stateTag(c);
		if (!this.state.isEqualNode(tag)) { this.state.replaceWith(tag); this.state = tag; }
		this.rate.textContent = c.fps ? `${decimal(c.fps)} frames/s` : "";
		const lack = [c.missing && `${count(c.missing)} missing`, c.silence > 0 && `${duration(c.silence)} silent`, c.epochs > 1 && `${count(c.epochs)} epochs`, c.dead && plural(c.dead, "dead letter", "dead letters")].filter(Boolean);
		this.lack.textContent = lack.join(" · ");
		const rules = c.counts.filter(k => k.rule), shown = (rules.length ? rules : c.counts).slice(0, 4);
		const items = shown.map(k => h("li", {}, h("span", {class: "quiet"}, [k.rule || eventName(k.type), k.transition].filter(Boolean).join(" ")), " ", h("strong", {}, count(k.events))));
		const next = h("ul", {class: "counts"}, items);
		if (!next.isEqualNode(this.counts)) { this.counts.replaceWith(next); this.counts = next; }
		this.age();
	}
	age() {
		const c = this.c;
		if (!c) return;
		this.aged.textContent = c.last ? `${duration(Math.max(0, age(c.last)))} ago` : "no frame yet";
		const behind = c.analysed && c.last ? (Date.parse(c.last) - Date.parse(c.analysed)) / 1000 : 0;
		this.aged.dataset.behind = behind > 10;
		if (behind > 10) this.aged.textContent += `, results ${duration(behind)} behind`;
	}
}

async function one(main, camera, params, signal) {
	const picture = new Picture(camera, true), state = h("span"), facts = h("dl", {class: "facts"}), counts = h("div");
	const day = h("input", {type: "date", "aria-label": "Day", value: params.get("day") || "", required: true});
	const past = h("div", {class: "past", "aria-busy": "true"});
	const heading = h("h1", {}, camera);
	main.append(
		h("p", {class: "back"}, h("a", {href: place("cameras")}, "All cameras")),
		h("div", {class: "head"}, heading, state, toolbar(signal, h("a", {class: "button", href: place("events") + query({camera})}, "Events"), h("a", {class: "button", href: place("draw", camera)}, "Draw"))),
		h("div", {class: "two"}, h("div", {}, picture.element, h("p", {class: "caption quiet small"})), h("div", {}, h("section", {class: "panel", "aria-label": "How it is"}, facts), counts)),
		h("div", {class: "head the-day"}, h("h2", {}, "The day"), day), past);
	const caption = main.querySelector(".caption");
	let told = null;
	const tell = t => {
		told = t.cameras.find(c => c.id === camera);
		if (!told) return;
		const tag = stateTag(told);
		if (!state.firstChild?.isEqualNode(tag)) state.replaceChildren(tag);
		const when = t.today ? "today" : t.day;
		const rows = [
			["Last frame", told.last ? `${dateTime(told.last)}, ${duration(Math.max(0, age(told.last)))} ago` : "none is known"],
			["Last analysed", told.analysed ? `${dateTime(told.analysed)}, ${duration(Math.max(0, age(told.analysed)))} ago` : "none"],
			["Rate", told.fps ? `${decimal(told.fps)} frames/s, ${told.width} × ${told.height}` : "–"],
			["Frames " + when, count(told.frames)], ["Missing", plural(told.missing, "frame", "frames")], ["Silent", told.silence ? duration(told.silence) : "never"],
			["Epochs", count(told.epochs)], ["Dead letters", count(told.dead)],
			...(told.why ? [["The source", told.why]] : []),
			...(told.faults || []).map(f => [eventName(f.type), `since ${dateTime(f.since)}, ${duration(age(f.since))}`]),
		];
		const next = h("dl", {class: "facts"}, rows.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));
		facts.replaceChildren(...next.childNodes);
		const table = h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": "Counts"}, h("table", {}, h("caption", {}, `Events ${when}: ${count(told.events)}`),
			h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Rule"), h("th", {scope: "col"}, "Event"), h("th", {scope: "col", class: "number"}, "Count"))),
			h("tbody", {}, told.counts.map(k => h("tr", {}, h("th", {scope: "row"}, k.rule || "–"), h("td", {}, [eventName(k.type), k.transition].filter(Boolean).join(", ")),
				h("td", {class: "number"}, h("a", {href: place("events") + query({camera, rule: k.rule, type: k.type, transition: k.transition, day: t.day}), "aria-label": `${count(k.events)}, show them`}, count(k.events))))))));
		if (counts.textContent !== table.textContent) counts.replaceChildren(told.counts.length ? table : h("p", {class: "quiet"}, `No events ${when}.`));
		if (!day.value) { day.value = t.day; showDay(); }
	};
	let reading = 0;
	async function showDay(quiet) {
		if (!day.value) return;
		const mine = ++reading;
		if (!quiet) past.setAttribute("aria-busy", "true");
		try {
			const got = await ask(`cameras/${camera}/history` + query({day: day.value}), {signal});
			if (mine === reading) past.replaceChildren(...dayOf(got));
		} catch (e) {
			if (mine === reading && !signal.aborted) past.replaceChildren(trouble(e, () => showDay()));
		}
		past.removeAttribute("aria-busy");
	}
	day.addEventListener("change", () => showDay());
	try {
		const t = await ask("cameras", {signal});
		setNow(t.now);
		if (!t.cameras.some(c => c.id === camera)) {
			main.replaceChildren(h("p", {class: "back"}, h("a", {href: place("cameras")}, "All cameras")), h("h1", {}, camera), trouble(new Error(`There is no camera ${camera}.`)));
			return;
		}
		tell(t);
	} catch (e) {
		if (signal.aborted) return;
		main.append(trouble(e));
	}
	if (day.value) showDay();
	live("cameras", t => { setNow(t.now); tell(t); }, signal);
	every(400, async () => {
		await fetchPictures([picture], "large", signal);
		const f = picture.head;
		if (f) caption.textContent = `${dateTime(f.captured)} · ${f.topic}/${f.partition}@${f.offset} · ` + (f.epoch ? `epoch ${f.epoch}, frame ${f.sequence} · ` : "") + (f.analysed ? plural(f.boxes.length, "box", "boxes") : "not analysed yet");
	}, signal);
	every(30000, () => showDay(true), signal);
	document.addEventListener("cameras-settings", () => picture.draw(), {signal});
	signal.addEventListener("abort", () => picture.close());
}

/** dayOf shows a camera's day. */
function dayOf(p) {
	if (!p.frames && !p.dead) return [h("div", {class: "panel empty"}, h("p", {}, `No frame of ${p.camera} on ${p.day}.`))];
	const x = {from: Date.parse(p.from), to: Date.parse(p.to), step: p.bucket * 1000, gaps: p.gaps.filter(g => g.seconds).map(g => [Date.parse(g.from), Date.parse(g.to)])};
	const of = f => p.points.map(q => q ? f(q) : null);
	const hours = p.hours.map(o => ({at: Date.parse(o.from), n: o.events}));
	return [
		h("div", {class: "charts"},
			curve("Frames/s", of(q => q.fps), x, v => decimal(v)), bars("Events per hour", hours, x, count),
			curve("Brightness", of(q => q.brightness), x, v => decimal(v, 0), {max: 255}), curve("Sharpness", of(q => q.sharpness), x, v => decimal(v, 0))),
		p.gaps.length > 0 && h("details", {class: "panel"}, h("summary", {}, `${plural(p.gaps.length + p.more_gaps, "gap", "gaps")} of the day`),
			h("ul", {}, p.gaps.map(g => h("li", {}, `${time(g.to)}: `, [g.seconds && `${duration(g.seconds)} without frames`, g.missing && plural(g.missing, "frame missing", "frames missing")].filter(Boolean).join(", "))),
				p.more_gaps > 0 && h("li", {}, `and ${count(p.more_gaps)} more`))),
		h("details", {class: "panel"}, h("summary", {}, "The hours as a table"), h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": "Hours"}, h("table", {},
			h("thead", {}, h("tr", {}, ["Hour", "Frames", "Covered", "Missing", "Silent", "Epochs", "Dead letters", "Events"].map((t, i) => h("th", {scope: "col", class: i && "number"}, t)))),
			h("tbody", {}, p.hours.filter(o => o.frames || o.dead).map(o => h("tr", {}, h("th", {scope: "row"}, shortTime(o.from)),
				[count(o.frames), Math.round(o.covered * 100) + " %", count(o.missing), o.silence ? duration(o.silence) : "–", count(o.epochs), count(o.dead), count(o.events)].map(t => h("td", {class: "number"}, t)))))))),
	].filter(Boolean);
}
