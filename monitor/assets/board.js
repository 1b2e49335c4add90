// The board that Draw draws on: a camera's picture with lines, zones and masks over it, for mouse, fingers and keys.
import {announce, count, h, request, svg} from "./lib.js";

const clamp = v => Math.min(1, Math.max(0, v));
const tidy = p => [+clamp(p[0]).toFixed(4), +clamp(p[1]).toFixed(4)];
const percent = v => (v * 100).toFixed(1).replace(/\.0$/, "") + " %";

export class Board {
	/**
	 * with has: items() and selected() say what there is; select(id, point), change(), done(kind, points), moved() and
	 * tool() are told what happens; remove() takes the chosen one away; limits are the least and most points of each kind.
	 */
	constructor(with_) {
		this.with = with_;
		this.tool = "select";
		this.pending = [];
		this.point = null;
		this.zoom = 1;
		this.size = [640, 480];
		this.cross = [.5, .5];
		this.img = h("img", {alt: "", draggable: "false"});
		this.svg = svg("svg", {class: "board"});
		this.canvas = h("div", {class: "canvas"}, this.img, this.svg);
		this.scroller = h("div", {class: "board-scroll", tabindex: "0", role: "application", "aria-label": "Picture to draw on", "aria-describedby": "draw-hint"}, this.canvas);
		this.note = h("p", {class: "quiet small board-note", role: "status"});
		this.element = h("div", {class: "board-frame"}, this.scroller, this.note);
		this.svg.addEventListener("pointerdown", e => this.down(e));
		this.svg.addEventListener("pointermove", e => this.move(e));
		for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, e => this.up(e));
		// What a finger drags here is not the page.
		this.svg.addEventListener("touchstart", e => {
			if (e.touches.length === 1 && (this.tool !== "select" || this.hit(this.at(e.touches[0]), true))) e.preventDefault();
		}, {passive: false});
		this.svg.addEventListener("dblclick", e => { if (this.tool !== "select") { e.preventDefault(); this.finish(); } });
		this.scroller.addEventListener("keydown", e => this.key(e));
		new ResizeObserver(() => this.draw()).observe(this.canvas);
		with_.signal.addEventListener("abort", () => { if (this.url) URL.revokeObjectURL(this.url); });
	}

	/** load shows a camera's last picture. */
	async load(camera, again = false) {
		const mine = this.loading = {};
		if (!again) { this.img.hidden = true; this.zoom = 1; this.canvas.style.width = "100%"; this.resize(640, 480); }
		this.note.textContent = "The picture is being fetched …";
		try {
			const blob = await (await request(`draw/cameras/${encodeURIComponent(camera)}/picture`, {signal: this.with.signal})).blob();
			if (this.loading !== mine) return;
			if (this.url) URL.revokeObjectURL(this.url);
			this.img.src = this.url = URL.createObjectURL(blob);
			await this.img.decode();
			if (this.loading !== mine) return;
			this.img.hidden = false;
			this.img.alt = `Camera ${camera}`;
			this.resize(this.img.naturalWidth, this.img.naturalHeight);
			this.note.textContent = "";
			if (again) announce("A new picture");
		} catch (e) {
			if (this.with.signal.aborted || this.loading !== mine) return;
			this.note.textContent = `There is no picture: ${e.message} What you draw is placed all the same.`;
		}
	}
	resize(w, high) {
		this.size = [w, high];
		this.canvas.style.aspectRatio = `${w} / ${high}`;
		this.svg.setAttribute("viewBox", `0 0 ${w} ${high}`);
		this.draw();
	}
	zoomBy(by) {
		const box = this.scroller, x = (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth, y = (box.scrollTop + box.clientHeight / 2) / box.scrollHeight;
		this.zoom = Math.min(8, Math.max(1, this.zoom * by));
		if (this.zoom < 1.05) this.zoom = 1;
		this.canvas.style.width = this.zoom * 100 + "%";
		box.scrollTo(x * box.scrollWidth - box.clientWidth / 2, y * box.scrollHeight - box.clientHeight / 2);
		this.draw();
		announce(`Zoom ${Math.round(this.zoom * 100)} %`);
	}
	use(tool) {
		this.tool = tool;
		this.pending = [];
		this.cross = [.5, .5];
		this.hover = null;
		this.scroller.dataset.tool = tool;
		this.svg.style.cursor = "";
		this.with.tool();
		this.draw();
	}

	// Where a pointer is, 0 to 1.
	at(e) {
		const box = this.svg.getBoundingClientRect();
		return tidy([(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height]);
	}
	// hit is what lies under a place: a point or a middle of the chosen shape, or a shape. The drawing itself hears no
	// pointers: it is made anew while one is down, and a finger whose target goes is lost.
	hit(at, finger) {
		const box = this.svg.getBoundingClientRect(), px = p => [p[0] * box.width, p[1] * box.height], a = px(at), chosen = this.with.selected();
		const far = p => { const b = px(p); return Math.hypot(a[0] - b[0], a[1] - b[1]); };
		const nearest = (points, reach) => points.reduce((best, p, i) => p && far(p) < (best < 0 ? reach : far(points[best])) ? i : best, -1);
		if (chosen) {
			const point = nearest(chosen.points, finger ? 26 : 14);
			if (point >= 0) return {point};
			const middle = nearest(middles(chosen, this.with.limits.most), finger ? 18 : 9);
			if (middle >= 0) return {middle};
		}
		const on = item => {
			const n = item.points.length, pts = item.points.map(px), edges = item.kind === "line" ? n - 1 : n;
			let inside = false;
			for (let i = 0; i < edges; i++) {
				const p = pts[i], q = pts[(i + 1) % n], d = [q[0] - p[0], q[1] - p[1]], long = d[0] ** 2 + d[1] ** 2;
				const t = long ? Math.min(1, Math.max(0, ((a[0] - p[0]) * d[0] + (a[1] - p[1]) * d[1]) / long)) : 0;
				if (Math.hypot(a[0] - p[0] - t * d[0], a[1] - p[1] - t * d[1]) < (finger ? 16 : 9)) return true;
				if (p[1] > a[1] !== q[1] > a[1] && a[0] < d[0] * (a[1] - p[1]) / d[1] + p[0]) inside = !inside;
			}
			return inside && item.kind !== "line";
		};
		if (chosen && on(chosen)) return {item: chosen};
		const lines = this.with.items().filter(i => i.kind === "line"), others = this.with.items().filter(i => i.kind !== "line");
		const item = [...lines, ...others].find(i => i.points.length > 1 && on(i));
		return item ? {item} : null;
	}
	down(e) {
		if (e.button) return;
		const at = this.at(e), hit = this.tool === "select" ? this.hit(at, e.pointerType === "touch") : null;
		if (this.tool !== "select") {
			e.preventDefault();
			this.scroller.focus({preventScroll: true});
			const first = this.pending[0];
			if (first && this.tool !== "line" && this.pending.length >= 3 && this.near(first, at)) { this.finish(); return; }
			if (this.pending.length && this.near(this.pending[this.pending.length - 1], at)) return; // the second of a double click
			if (this.pending.length < this.with.limits.most[this.tool]) this.pending.push(at);
			this.cross = at;
			this.drag = {pending: this.pending.length - 1};
		} else if (hit?.point !== undefined) {
			this.point = hit.point;
			this.drag = {item: this.with.selected(), point: this.point};
			this.focus(this.point);
		} else if (hit?.middle !== undefined) {
			const item = this.with.selected(), i = hit.middle;
			if (item.points.length >= this.with.limits.most[item.kind]) return;
			item.points.splice(i + 1, 0, at);
			this.point = i + 1;
			this.drag = {item, point: this.point};
		} else if (hit) {
			const item = hit.item;
			if (item.id !== this.with.selected()?.id) this.with.select(item.id);
			this.drag = {item, from: at, points: structuredClone(item.points)};
		} else return;
		e.preventDefault();
		this.svg.setPointerCapture(e.pointerId);
		this.with.tool();
		this.draw();
	}
	move(e) {
		const at = this.at(e);
		if (this.tool !== "select" && !this.drag) { this.hover = at; this.draw(); return; }
		const d = this.drag;
		if (!d) {
			const hit = e.pointerType === "mouse" && this.hit(at);
			this.svg.style.cursor = !hit ? "" : hit.point !== undefined ? "grab" : hit.middle !== undefined ? "copy" : "move";
			return;
		}
		if (d.pending !== undefined) { this.pending[d.pending] = at; this.cross = at; }
		else if (d.point !== undefined) { d.item.points[d.point] = at; d.moved = true; }
		else {
			const by = [at[0] - d.from[0], at[1] - d.from[1]];
			// As a whole it stays in the picture.
			for (const i of [0, 1]) by[i] = Math.min(Math.max(by[i], -Math.min(...d.points.map(p => p[i]))), 1 - Math.max(...d.points.map(p => p[i])));
			d.item.points = d.points.map(p => tidy([p[0] + by[0], p[1] + by[1]]));
			d.moved = d.moved || Math.hypot(...by) > .002;
		}
		this.draw();
		this.with.moved();
	}
	up(e) {
		if (this.drag && e.type === "pointerup") this.move(e); // moves may have been left out
		const d = this.drag;
		this.drag = null;
		if (!d) return;
		if (d.pending !== undefined) { this.with.tool(); this.draw(); } else this.with.change();
	}
	near(a, b) {
		const box = this.svg.getBoundingClientRect();
		return Math.hypot((a[0] - b[0]) * box.width, (a[1] - b[1]) * box.height) < 12;
	}

	// Keys.
	key(e) {
		if (e.ctrlKey || e.metaKey) return;
		const step = e.shiftKey ? .05 : e.altKey ? .001 : .01, by = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[e.key];
		let done = true;
		if (this.tool !== "select") {
			if (by) {
				this.cross = tidy([this.cross[0] + by[0], this.cross[1] + by[1]]);
				this.hover = this.cross;
				this.draw();
				announce(`${percent(this.cross[0])} from the left, ${percent(this.cross[1])} from the top`);
			} else if (e.key === "Enter" || e.key === " ") {
				if (this.pending.length < this.with.limits.most[this.tool]) this.pending.push([...this.cross]);
				this.with.tool();
				this.draw();
				announce(`Point ${this.pending.length}: ${percent(this.cross[0])} from the left, ${percent(this.cross[1])} from the top`);
			} else if (e.key === "Backspace" || e.key === "Delete") {
				this.pending.pop();
				this.with.tool();
				this.draw();
				announce(`${count(this.pending.length)} points left`);
			} else if (e.key === "d" || e.key === "D") this.finish(true);
			else if (e.key === "Escape") { this.use("select"); announce("Not drawn"); } else done = false;
		} else {
			const item = this.with.selected(), i = document.activeElement?.dataset?.point;
			if (!item || i === undefined) done = false;
			else if (by) {
				item.points[i] = tidy([item.points[i][0] + by[0], item.points[i][1] + by[1]]);
				this.draw();
				this.with.moved();
				this.said(item, +i);
				clearTimeout(this.settle); // one step back takes all of a key that is held
				this.settle = setTimeout(() => this.with.change(), 400);
			} else if (e.key === "Enter") this.add(+i);
			else if (e.key === "Delete" || e.key === "Backspace") { if (!this.cut(+i)) this.with.remove(); } else done = false;
		}
		if (done) { e.preventDefault(); e.stopPropagation(); }
	}
	said(item, i) { announce(`${percent(item.points[i][0])} from the left, ${percent(item.points[i][1])} from the top`); }
	/** add adds a point after one of the chosen shape's: in the middle to the next, or on from the last of a line. */
	add(i) {
		const item = this.with.selected(), p = item.points, n = p.length;
		if (n >= this.with.limits.most[item.kind]) return;
		const last = item.kind === "line" && i === n - 1, a = p[i], b = last ? [2 * a[0] - p[i - 1][0], 2 * a[1] - p[i - 1][1]] : p[(i + 1) % n];
		p.splice(i + 1, 0, tidy([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]));
		this.point = i + 1;
		this.with.change();
		this.focus(i + 1);
		announce(`Point ${i + 2} added`);
	}
	/** cut takes a point of the chosen shape away; false: it has no more than it needs. */
	cut(i) {
		const item = this.with.selected();
		if (item.points.length <= this.with.limits.least[item.kind]) return false;
		item.points.splice(i, 1);
		this.point = Math.min(i, item.points.length - 1);
		this.with.change();
		this.focus(this.point);
		announce(`Point ${i + 1} removed`);
		return true;
	}
	focus(i) { this.svg.querySelector(`[data-point="${i}"]`)?.focus({preventScroll: true}); }
	/** finish ends what is being drawn: the focus stays on the picture if it was by key. */
	finish(byKey = false) {
		const kind = this.tool, points = this.pending.filter((p, i, all) => !i || p[0] !== all[i - 1][0] || p[1] !== all[i - 1][1]);
		if (kind === "select") return;
		if (points.length < this.with.limits.least[kind]) { announce(`A ${kind} needs ${this.with.limits.least[kind]} points`, true); return; }
		this.use("select");
		this.with.done(kind, points, byKey);
	}

	draw() {
		const [w, high] = this.size, unit = w / (this.svg.clientWidth || w), px = p => `${(p[0] * w).toFixed(1)},${(p[1] * high).toFixed(1)}`;
		const chosen = this.with.selected(), focused = document.activeElement?.closest?.(".board") ? document.activeElement.dataset.point : undefined;
		const parts = [defs(unit)];
		for (const item of this.with.items()) {
			if (item.points.length < 2) continue;
			const points = item.points.map(px).join(" "), on = item === chosen;
			parts.push(svg("g", {class: `drawn ${item.kind}${on ? " on" : ""}`, "data-id": item.id},
				svg(item.kind === "line" ? "polyline" : "polygon", {class: "under", points, "stroke-width": 5.5 * unit}),
				svg(item.kind === "line" ? "polyline" : "polygon", {class: "over", points, "stroke-width": 2.5 * unit}),
				item.kind === "line" ? arrows(item, w, high, unit, on) : null,
				name(item, w, high, unit)));
		}
		if (this.tool === "select" && chosen) {
			const n = chosen.points.length;
			middles(chosen, this.with.limits.most).forEach(p => { if (p) parts.push(svg("circle", {class: "middle", cx: p[0] * w, cy: p[1] * high, r: 5 * unit, "stroke-width": 1.5 * unit})); });
			chosen.points.forEach((p, i) => {
				parts.push(svg("g", {class: `handle${i === this.point ? " on" : ""}`, "data-point": i, tabindex: "0", role: "button", "aria-label": `Point ${i + 1} of ${n} of ${chosen.name}: ${percent(p[0])} from the left, ${percent(p[1])} from the top`},
					svg("circle", {class: "touch", cx: p[0] * w, cy: p[1] * high, r: 20 * unit}),
					svg("circle", {class: "dot", cx: p[0] * w, cy: p[1] * high, r: 7.5 * unit, "stroke-width": 2.5 * unit}),
					svg("text", {x: p[0] * w, y: p[1] * high + 3.4 * unit, "font-size": 9.5 * unit, "text-anchor": "middle"}, i + 1)));
			});
		}
		if (this.tool !== "select") {
			const now = this.drag ? this.pending : this.pending.concat(this.hover ? [this.hover] : []);
			if (now.length > 1) parts.push(svg(this.tool === "line" ? "polyline" : "polygon", {class: `pending ${this.tool}`, points: now.map(px).join(" "), "stroke-width": 2.5 * unit}));
			for (const p of this.pending) parts.push(svg("circle", {class: "dot", cx: p[0] * w, cy: p[1] * high, r: 6 * unit, "stroke-width": 2 * unit}));
			const c = this.hover || this.cross, long = 14 * unit;
			parts.push(svg("path", {class: "cross", d: `M${c[0] * w - long},${c[1] * high}h${2 * long}M${c[0] * w},${c[1] * high - long}v${2 * long}`, "stroke-width": 1.5 * unit}));
		}
		this.svg.replaceChildren(...parts);
		if (focused !== undefined) this.focus(focused);
	}
}

// middles are where points can be added, after the point of their index; null where none can.
function middles(item, most) {
	const p = item.points, n = p.length;
	return p.map((a, i) => n < most[item.kind] && (i < n - 1 || item.kind !== "line") ? [(a[0] + p[(i + 1) % n][0]) / 2, (a[1] + p[(i + 1) % n][1]) / 2] : null);
}

// defs is the pattern of masks.
function defs(unit) {
	const step = 10 * unit;
	return svg("defs", {}, svg("pattern", {id: "mask-hatch", width: step, height: step, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"}, svg("rect", {width: step, height: step, class: "hatch-ground"}), svg("rect", {width: step / 2.5, height: step, class: "hatch"})));
}

// arrows say which side is forward, and which way counts: forward is from the line's left to its right.
function arrows(item, w, high, unit, on) {
	const direction = item.params.direction || "both", pts = item.points.map(p => [p[0] * w, p[1] * high]);
	let longest = 0, at = 0;
	for (let i = 0; i + 1 < pts.length; i++) {
		const d = Math.hypot(pts[i + 1][0] - pts[i][0], pts[i + 1][1] - pts[i][1]);
		if (d > longest) { longest = d; at = i; }
	}
	if (!longest) return null;
	const a = pts[at], b = pts[at + 1], dx = (b[0] - a[0]) / longest, dy = (b[1] - a[1]) / longest, n = [-dy, dx], m = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
	const size = Math.min(34 * unit, Math.max(longest * .4, 14 * unit)), parts = [];
	for (const [side, sign] of [["forward", 1], ["backward", -1]]) {
		const counts = direction === "both" || direction === side, shift = sign * 9 * unit;
		const from = [m[0] + dx * shift + n[0] * sign * 3 * unit, m[1] + dy * shift + n[1] * sign * 3 * unit], tip = [from[0] + n[0] * sign * size, from[1] + n[1] * sign * size];
		if (counts) {
			const back = 8 * unit, wing = 6 * unit, base = [tip[0] - n[0] * sign * back, tip[1] - n[1] * sign * back];
			parts.push(svg("g", {class: `arrow ${side}`}, svg("path", {class: "shaft", d: `M${from}L${base}`, "stroke-width": 3 * unit}), svg("path", {class: "tip", d: `M${tip}L${base[0] + dx * wing},${base[1] + dy * wing}L${base[0] - dx * wing},${base[1] - dy * wing}Z`, "stroke-width": 1.2 * unit})));
		}
		if (on) {
			const far = 12 * unit, x = tip[0] + n[0] * sign * far, y = tip[1] + n[1] * sign * far + 4 * unit;
			const anchor = n[0] * sign > .3 ? "start" : n[0] * sign < -.3 ? "end" : "middle";
			parts.push(svg("text", {class: `side${counts ? "" : " off"}`, x, y, "font-size": 12 * unit, "stroke-width": 3 * unit, "text-anchor": anchor}, counts ? side : `${side}: not counted`));
		}
	}
	return svg("g", {class: "arrows"}, parts);
}

function name(item, w, high, unit) {
	const top = item.points.reduce((a, b) => b[1] < a[1] ? b : a), x = Math.min(Math.max(top[0] * w, 6 * unit), w - 60 * unit), y = Math.max(top[1] * high - 14 * unit, 14 * unit);
	return svg("text", {class: "name", x, y, "font-size": 13 * unit, "stroke-width": 3.5 * unit}, item.kind === "mask" ? `mask: ${item.name}` : item.name);
}
