// Curves and bars over a day, drawn as SVG; what they show is also said in words.
import {h, shortTime, svg} from "./lib.js";

const wide = 1000, high = 100;

function frame(title, x, drawn, said, read) {
	const value = h("span", {class: "value"}, said.now);
	const drawing = svg("svg", {viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${said.all}`}, drawn);
	const mark = svg("line", {class: "mark", y1: 0, y2: high, visibility: "hidden"});
	drawing.append(mark);
	drawing.addEventListener("pointermove", e => {
		const box = drawing.getBoundingClientRect(), at = x.from + (e.clientX - box.left) / box.width * (x.to - x.from);
		const px = (at - x.from) / (x.to - x.from) * wide;
		mark.setAttribute("x1", px);
		mark.setAttribute("x2", px);
		mark.setAttribute("visibility", "visible");
		value.textContent = `${shortTime(at)}: ${read(at)}`;
	});
	drawing.addEventListener("pointerleave", () => { mark.setAttribute("visibility", "hidden"); value.textContent = said.now; });
	const hours = [];
	for (let i = 0; i <= 4; i++) hours.push(h("span", {}, i === 4 ? "24:00" : shortTime(x.from + (x.to - x.from) * i / 4)));
	return h("figure", {class: "chart panel"}, h("figcaption", {}, h("span", {}, title), value), h("div", {class: "plot"}, h("span", {class: "top", "aria-hidden": "true"}, said.top), drawing), h("div", {class: "axis", "aria-hidden": "true"}, hours));
}

const place = (at, x) => ((at - x.from) / (x.to - x.from) * wide).toFixed(1);

function gaps(x) {
	return x.gaps.map(([from, to]) => svg("rect", {class: "gap", x: place(from, x), y: 0, width: Math.max(1, place(to, x) - place(from, x)), height: high}));
}

/** curve draws a value per step of x (null: unknown). */
export function curve(title, values, x, write, {max = 0} = {}) {
	const known = values.filter(v => v !== null), most = max || Math.max(...known, 0) * 1.15 || 1;
	const y = v => (high - v / most * (high - 4) - 2).toFixed(1);
	const runs = [];
	let run = null;
	values.forEach((v, i) => {
		if (v === null) { run = null; return; }
		if (!run) runs.push(run = []);
		run.push([place(x.from + (i + .5) * x.step, x), y(v)]);
	});
	const drawn = runs.flatMap(r => {
		if (r.length === 1) r = [[r[0][0] - 1, r[0][1]], [+r[0][0] + 1, r[0][1]]];
		const line = "M" + r.map(p => p.join(",")).join("L");
		return [svg("path", {class: "area", d: `${line}L${r[r.length - 1][0]},${high}L${r[0][0]},${high}Z`}), svg("path", {class: "curve", d: line})];
	});
	const read = at => { const v = values[Math.floor((at - x.from) / x.step)]; return v === null || v === undefined ? "no frames" : write(v); };
	return frame(title, x, [...gaps(x), ...drawn], {
		now: known.length ? "last " + write(known[known.length - 1]) : "–", top: write(most),
		all: known.length ? `lowest ${write(Math.min(...known))}, highest ${write(Math.max(...known))}, last ${write(known[known.length - 1])}` : "unknown",
	}, read);
}

/** bars draws a count per hour: list of {at, n}; n below 0 is unknown. */
export function bars(title, list, x, write) {
	const most = Math.max(...list.map(o => o.n), 1) * 1.1, hour = 3600000;
	const drawn = list.filter(o => o.n > 0).map(o => {
		const tall = o.n / most * (high - 2);
		return svg("rect", {class: "bar", x: +place(o.at, x) + 3, y: (high - tall).toFixed(1), width: hour / (x.to - x.from) * wide - 6, height: tall.toFixed(1)});
	});
	const sum = list.reduce((a, o) => a + Math.max(0, o.n), 0);
	return frame(title, x, [...gaps(x), ...drawn], {now: "in all " + write(sum), top: write(most), all: `in all ${write(sum)}, at most ${write(Math.max(...list.map(o => o.n), 0))} in an hour`},
		at => { const o = list.find(o => at >= o.at && at < o.at + hour); return o && o.n > 0 ? write(o.n) : "none"; });
}
