// Pipeline: how far the work is, what it was made with, what could not be read, and what room there is.
import {age, ask, bytes, count, dateTime, decimal, duration, h, live, plural, query, setNow, trouble} from "./lib.js";

export const title = "Pipeline";

export async function show(main, at, signal) {
	const sum = h("ul", {class: "figures", "aria-label": "In short"});
	const parts = {};
	const sections = [
		["positions", "How far it is"], ["dead", "Dead letters"], ["generations", "Generations"], ["flink", "Flink"], ["storage", "Room"], ["files", "Configuration files and sources"],
	].map(([id, name]) => {
		parts[id] = h("div");
		return h("section", {id: "pipeline-" + id, "aria-labelledby": "pipeline-h-" + id, hidden: true}, h("h2", {id: "pipeline-h-" + id}, name), parts[id]);
	});
	main.append(h("div", {class: "head"}, h("h1", {}, title)), sum, ...sections);
	const section = id => main.querySelector("#pipeline-" + id);
	/** put shows a part, without touching what is the same: what is open or focused stays so. */
	function put(id, ...children) {
		section(id).hidden = false;
		const next = h("div", {}, children);
		merge(parts[id], next);
	}
	function tell(t) {
		setNow(t.now);
		const p = t.positions?.data, s = p?.sum;
		sum.replaceChildren(...[
			p && ["frames to go", count(s.lag_frames), s.lag_frames > 0 && s.catch_up_seconds === null && s.per_second !== null && "bad"],
			p && ["behind the log", s.lag_seconds === null ? "unknown" : duration(s.lag_seconds)],
			p && ["frames/s come, of the log", decimal(s.incoming_per_second)],
			p && ["frames/s are processed", decimal(s.per_second)],
			p && ["caught up", s.lag_frames === 0 ? "yes" : s.catch_up_seconds === null ? (s.per_second === null ? "not known yet" : "never, like this") : s.catch_up_seconds === 0 ? "it keeps up" : "in " + duration(s.catch_up_seconds)],
			["dead letters on " + t.dead.day, count(t.dead.count), t.dead.count > 0 && "warn"],
			p && s.lost_frames > 0 && ["frames lost: retention was faster", count(s.lost_frames), "bad"],
		].filter(Boolean).map(([what, n, kind]) => h("li", {class: kind || null}, h("strong", {}, n), what)));
		if (t.positions) put("positions", stale(t.positions), p && positions(p));
		put("dead", dead(t.dead));
		put("generations", stale(t.generations), t.generations.data && generations(t.generations.data));
		if (t.flink) put("flink", stale(t.flink), t.flink.data && flink(t.flink.data));
		put("storage", stale(t.storage), t.storage.data && storage(t.storage.data, p));
		put("files", files(t.inputs));
	}
	const ready = async () => {
		try { tell(await ask("pipeline", {signal})); } catch (e) { if (!signal.aborted) { sum.before(trouble(e)); } }
	};
	await ready();
	live("pipeline", tell, signal);
}

/** merge makes old say what next says, and leaves alone what is the same. */
function merge(old, next) {
	const a = [...old.childNodes], b = [...next.childNodes];
	for (let i = 0; i < Math.max(a.length, b.length); i++) {
		if (!a[i]) old.append(b[i]);
		else if (!b[i]) a[i].remove();
		else if (a[i].nodeType === b[i].nodeType && a[i].nodeName === b[i].nodeName && a[i].nodeType === 1) {
			for (const {name} of [...a[i].attributes]) if (name !== "open" && !b[i].hasAttribute(name)) a[i].removeAttribute(name);
			for (const {name, value} of [...b[i].attributes]) if (a[i].getAttribute(name) !== value) a[i].setAttribute(name, value);
			if (a[i].onclick !== b[i].onclick) a[i].onclick = b[i].onclick;
			merge(a[i], b[i]);
		} else if (a[i].nodeType === 3 && b[i].nodeType === 3) { if (a[i].data !== b[i].data) a[i].data = b[i].data; }
		else a[i].replaceWith(b[i]);
	}
}

/** stale says why a part is older than it should be. */
function stale(part) {
	if (!part.error) return part.at ? null : h("p", {class: "quiet"}, "It is being looked at.");
	return h("div", {class: "trouble"}, h("strong", {}, part.at ? `This is as it was ${duration(age(part.at))} ago` : "This cannot be told"), h("pre", {tabindex: "0"}, part.error));
}

function table(label, heads, rows, caption) {
	return h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": label}, h("table", {}, caption && h("caption", {}, caption),
		h("thead", {}, h("tr", {}, heads.map(([t, kind]) => h("th", {scope: "col", class: kind || null}, t)))),
		h("tbody", {}, rows.map(r => h("tr", {}, r.map((c, i) => i ? h("td", {class: heads[i][1] || null}, c) : h("th", {scope: "row"}, c)))))));
}
const n = "number", unknown = (v, f) => v === null || v === undefined ? "–" : f(v);

function positions(p) {
	const keeps = p.retention_ms === null ? null : p.retention_ms < 0 ? "The topic keeps records for ever." : `The topic keeps records for ${duration(p.retention_ms / 1000)}.`;
	return [
		table("Partitions", [["Partition"], ["Log begins", n], ["Log ends", n], ["Complete to", n], ["Processed to", n], ["To go", n], ["Behind", n], ["Come/s", n], ["Done/s", n], ["Caught up in", n], ["Oldest record", n], ["Until retention", n]],
			p.partitions.map(({lag: l, oldest, left_seconds}) => [
				`${l.topic}/${l.partition}`, count(l.log_begin), count(l.log_end), count(l.complete), count(l.processed), count(l.lag_frames), unknown(l.lag_seconds, duration),
				unknown(l.incoming_per_second, decimal), unknown(l.per_second, decimal), l.lag_frames === 0 ? "now" : l.catch_up_seconds === 0 ? "keeps up" : unknown(l.catch_up_seconds, duration),
				oldest ? `${duration(age(oldest))} ago` : "–",
				l.lost_frames > 0 ? h("strong", {class: "tag bad"}, `${count(l.lost_frames)} lost`) : left_seconds === null ? "–" : h("span", {class: left_seconds < 3600 ? "tag bad" : null}, duration(left_seconds)),
			])),
		h("p", {class: "quiet small"}, "“Processed” includes beginnings of chunks. “Until retention” is how long the topic still keeps what is to be processed next. ", keeps),
	];
}

function dead(d) {
	if (!d.count) return [h("p", {class: "quiet"}, `None on ${d.day}. `, earlier(d.day))];
	return [
		h("p", {}, plural(d.count, "record", "records"), ` of ${d.day} could not be read: `, d.reasons.map(r => h("span", {class: "tag warn"}, `${r.reason} ${count(r.count)}`)).flatMap((e, i) => i ? [" ", e] : [e]), " ", earlier(d.day)),
		letters(d),
	];
}

function earlier(day) {
	const input = h("input", {type: "date", "aria-label": "Dead letters of another day", value: day});
	const go = h("button", {type: "button"}, "Show the day");
	go.onclick = e => openDay(e.target.closest("section").querySelector("input[type=date]").value);
	return h("span", {class: "controls"}, input, go);
}

function letters(d, label = "The newest dead letters") {
	return table(label, [["When"], ["Camera"], ["Place"], ["Reason"], ["Detail"], ["Size", n], ["Record"]], d.list.map(l => {
		const button = h("button", {type: "button", "aria-label": `Show the record ${l.topic}/${l.partition}@${l.offset}`}, "Show");
		button.onclick = () => openRecord(l);
		return [dateTime(l.at), l.camera || "–", h("code", {}, `${l.topic}/${l.partition}@${l.offset}`), h("span", {class: "tag warn"}, l.reason), l.detail, bytes(l.bytes), button];
	}), d.list.length < d.count ? `The newest ${count(d.list.length)}` : null);
}

function dialog(heading, ...content) {
	const opened = document.activeElement;
	const d = h("dialog", {class: "wide", "aria-labelledby": "dialog-title", onclose: () => { d.remove(); opened?.focus(); }}, h("h2", {id: "dialog-title"}, heading), content, h("form", {method: "dialog"}, h("button", {}, "Close")));
	document.body.append(d);
	d.showModal();
	return d;
}

async function openDay(day) {
	if (!day) return;
	const body = h("div", {}, h("p", {class: "quiet"}, "reading …"));
	dialog(`Dead letters of ${day}`, body);
	try {
		const d = await ask("pipeline/dead" + query({day}));
		body.replaceChildren(...(d.count ? [h("p", {}, d.reasons.map(r => h("span", {class: "tag warn"}, `${r.reason} ${count(r.count)}`)).flatMap((e, i) => i ? [" ", e] : [e])), letters(d, `Dead letters of ${day}`)] : [h("p", {}, "There is none.")]));
	} catch (e) { body.replaceChildren(trouble(e)); }
}

async function openRecord(l) {
	const where = query({topic: l.topic, partition: l.partition, offset: l.offset}), body = h("div", {}, h("p", {class: "quiet"}, "reading …"));
	dialog(`Record ${l.topic}/${l.partition}@${l.offset}`, body);
	try {
		const r = await ask("pipeline/record" + where);
		body.replaceChildren(
			h("dl", {class: "facts"}, [["Reason", `${l.reason}: ${l.detail}`], ["Timestamp", dateTime(r.timestamp)], ["Key", r.key || "none"], ["Value", bytes(r.bytes)], ...r.headers.map(([k, v]) => [k, v])].map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
			h("pre", {class: "record", tabindex: "0", "aria-label": "Value"}, r.value || "(empty)"),
			h("p", {class: "quiet small"}, r.cut ? "This is its beginning. " : "", `Shown as ${r.kind}.`),
			h("p", {}, h("a", {href: "/api/v1/pipeline/record" + where + "&download=1", download: ""}, "Download the value")));
	} catch (e) { body.replaceChildren(trouble(e)); }
}

const fileSays = {
	same: "analyses.yaml is what the newest generation is made with.",
	other: "analyses.yaml says something else than the newest generation is made with: a job that takes it begins a new one.",
	none: "",
};

function generations(g) {
	return [
		h("p", {class: g.file === "other" ? "after" : "quiet"}, `${plural(g.list.length, "generation", "generations")}, ${count(g.chunk)} offsets per chunk. `, fileSays[g.file]),
		g.list.map((x, i) => h("details", {class: "panel generation", open: i === 0},
			h("summary", {}, `Generation ${x.number} `, h("code", {}, x.digest.slice(0, 12)), i === 0 ? h("span", {class: "tag good"}, "newest") : "", h("span", {class: "quiet"}, ` ${x.changes.length ? plural(x.changes.length, "change", "changes") : x.number === 1 ? "the first" : "no change that is told"}`)),
			h("p", {class: "quiet small wide"}, `Program ${x.code}, ${x.opencv}. `, x.stretches.length ? "Offsets: " + x.stretches.map(s => `${s.topic}/${s.partition} from ${count(s.from)}${s.to === null ? " on" : ` to ${count(s.to)}`}`).join(", ") : "It has no offsets."),
			x.changes.length > 0 && table(`Changes of generation ${x.number}`, [["Cameras"], ["Analysis"], ["Setting"], ["Before"], ["After"]],
				x.changes.map(c => [c.cameras || "all others", c.analysis || "–", c.setting || "on or off", h("code", {class: "before"}, c.before || "–"), h("code", {class: "after"}, c.after || "–")])))),
	];
}

function flink(f) {
	if (!f.jobs.length) return h("p", {class: "quiet"}, "The cluster has no job.");
	const kind = {RUNNING: "good", FAILED: "bad", FAILING: "bad", RESTARTING: "bad"};
	return f.jobs.map(j => h("div", {class: "panel"}, h("h3", {}, j.name, " ", h("span", {class: `tag ${kind[j.state] || ""}`}, j.state.toLowerCase())),
		h("dl", {class: "facts"}, [
			["Id", h("code", {}, j.id)], ["Started", `${dateTime(j.started)}, ${duration(age(j.started))} ago`], j.ended && ["Ended", dateTime(j.ended)], ["Restarts", unknown(j.restarts, count)],
			["Checkpoints", `${count(j.checkpoints_completed)} completed, ${count(j.checkpoints_failed)} failed, ${count(j.checkpoints_in_progress)} under way`],
			j.last_checkpoint && ["Last checkpoint", `${duration(age(j.last_checkpoint.at))} ago, took ${duration(j.last_checkpoint.seconds)}, ${bytes(j.last_checkpoint.bytes)}`],
			j.last_failed_checkpoint && ["Last that failed", j.last_failed_checkpoint],
			...j.failures.map(x => [`Failed ${dateTime(x.at)}`, h("code", {}, x.why)]),
		].filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]))));
}

function storage(s, p) {
	return [
		table("Filesystems", [["Of"], ["Where"], ["Size", n], ["Free", n], ["Used"]], s.disks.map(d => {
			const used = d.size ? 1 - d.free / d.size : 0;
			return [d.for.join(", "), h("code", {}, d.where), bytes(d.size), h("span", {class: used > .9 ? "tag bad" : null}, bytes(d.free)), h("meter", {min: "0", max: "1", low: "0.8", high: "0.9", optimum: "0", value: used, "aria-label": "Used"}, Math.round(used * 100) + " %")];
		})),
		h("dl", {class: "facts panel"}, [
			["Results", `${count(s.results.rows)} rows in ${plural(s.results.files, "file", "files")}, ${bytes(s.results.bytes)}`],
			s.results.first && ["They are of", `${dateTime(s.results.first)} to ${dateTime(s.results.last)}`],
			p && p.bytes > 0 && ["The topic", `about ${bytes(p.bytes)}`],
			p && p.retention_bytes > 0 && ["It keeps", `at most ${bytes(p.retention_bytes)} of each partition`],
		].filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
	];
}

const names = {kafka: "Kafka", output: "Output", archive: "Archive", cameras: "cameras.yaml", analyses: "analyses.yaml", flink: "Flink"};
function files(inputs) {
	return table("Sources", [["What"], ["Where"], ["State"], ["Since"], ["Last well", n]], inputs.map(i => [names[i.name] || i.name, h("code", {}, i.where),
		i.ok ? h("span", {class: "tag good"}, "well") : h("details", {}, h("summary", {}, h("span", {class: "tag bad"}, i.name === "cameras" || i.name === "analyses" ? "cannot be used" : "away")), h("pre", {tabindex: "0"}, i.error)),
		dateTime(i.since), i.seen.startsWith("0001") ? "never" : duration(Math.max(0, age(i.seen))) + " ago"]));
}
