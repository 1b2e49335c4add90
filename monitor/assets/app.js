// The page: which view is shown, what is away, colours, keys.
import {announce, ask, connected, connection, dateTime, duration, age, h, live, page, setNow} from "./lib.js";
import * as cameras from "./cameras.js";
import * as events from "./events.js";
import * as pipeline from "./pipeline.js";
import * as draw from "./draw.js";

// A view exports title and show(main, place, signal): it fills main, and stops what it does when signal aborts. place is
// {view, rest: what follows in the address, query: URLSearchParams}. If it exports update(place), that is called instead
// where only the place in it changes; it returns false if the view has to be shown anew. If it exports keys, a key that is
// pressed outside of a field calls its function.
const views = {cameras, events, pipeline, draw};

const main = document.getElementById("content");
let current = null, leave = null;

function where() {
	const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
	const [view, ...rest] = path.split("/").map(decode);
	return {view: views[view] ? view : "cameras", rest: rest.filter(Boolean), query: new URLSearchParams(query)};
}
function decode(s) { try { return decodeURIComponent(s); } catch { return ""; } }

async function show() {
	if (location.hash === "#content") { // the link that skips to it
		main.focus();
		return;
	}
	const place = where(), view = views[place.view];
	for (const a of document.querySelectorAll("nav.views a")) {
		if (a.dataset.view === place.view) a.setAttribute("aria-current", "page");
		else a.removeAttribute("aria-current");
	}
	document.title = `${[...place.rest].reverse().concat(view.title).join(" – ")} – ${page.title || "Framebeam"}`;
	if (current === place.view && view.update && view.update(place) !== false) return;
	const moved = current !== null;
	leave?.abort();
	leave = new AbortController();
	current = place.view;
	main.replaceChildren();
	main.dataset.view = place.view;
	window.scrollTo(0, 0);
	await view.show(main, place, leave.signal);
	if (moved) {
		main.focus({preventScroll: true});
		announce(view.title + (place.rest.length ? ": " + place.rest.join(", ") : ""));
	}
}

// What is away, above all views.
const troubles = document.getElementById("troubles");
const inputNames = {kafka: "Kafka", output: "The output", archive: "The archive", cameras: "cameras.yaml", analyses: "analyses.yaml", flink: "Flink", disk: "This machine's disk"};
let away = new Set();
function tellInputs(list) {
	page.inputs = list;
	const bad = list.filter(i => !i.ok), file = i => i.name === "cameras" || i.name === "analyses";
	troubles.hidden = !bad.length;
	troubles.replaceChildren(...bad.map(i => h("div", {class: "trouble", dataset: {input: i.name}},
		h("strong", {}, file(i) ? `${inputNames[i.name]} cannot be used` : `${inputNames[i.name] || i.name} is away`),
		h("span", {class: "quiet"}, ` since ${dateTime(i.since)}`, i.seen.startsWith("0001") ? ", never seen" : `, last well ${duration(age(i.seen))} ago`),
		h("details", {}, h("summary", {}, "Why"), h("pre", {tabindex: "0"}, i.error), h("p", {class: "quiet small"}, i.where)))));
	for (const i of bad) if (!away.has(i.name)) announce(`${inputNames[i.name] || i.name} is away`, true);
	for (const name of away) if (!bad.some(i => i.name === name)) announce(`${inputNames[name] || name} is back`);
	away = new Set(bad.map(i => i.name));
}

function tellLive() {
	const e = document.getElementById("live"), text = connected ? "live" : "not connected";
	e.dataset.on = connected;
	document.getElementById("live-text").textContent = text;
}

// Colours: as the system has them, light, dark.
const themes = ["system", "light", "dark"];
let theme = "system";
try { theme = localStorage.getItem("theme") || theme; } catch { /* storage is off */ }
function setTheme(to) {
	theme = themes.includes(to) ? to : "system";
	document.documentElement.dataset.theme = theme;
	document.getElementById("theme").setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system has them" : theme}`);
	try { localStorage.setItem("theme", theme); } catch { /* storage is off */ }
}
const nextTheme = () => { setTheme(themes[(themes.indexOf(theme) + 1) % themes.length]); announce(document.getElementById("theme").getAttribute("aria-label")); };
document.getElementById("theme").addEventListener("click", nextTheme);
setTheme(theme);

const help = document.getElementById("helping");
document.getElementById("help").addEventListener("click", () => help.showModal());

addEventListener("keydown", e => {
	if (e.ctrlKey || e.altKey || e.metaKey || help.open) return;
	if (e.target.closest("input, select, textarea, [contenteditable]")) {
		if (e.key === "Escape") e.target.blur();
		return;
	}
	const n = "1234".indexOf(e.key);
	if (n >= 0) location.hash = "#/" + Object.keys(views)[n];
	else if (e.key === "?") help.showModal();
	else if (e.key === "t") nextTheme();
	else if (e.key === "/") {
		const filter = main.querySelector("[data-filter]");
		if (!filter) return;
		filter.focus();
	} else if (views[current]?.keys?.[e.key]) views[current].keys[e.key](e);
	else return;
	e.preventDefault();
});
document.getElementById("skip").addEventListener("click", e => { e.preventDefault(); main.focus(); });

async function start() {
	for (let wait = 500; ; wait = Math.min(wait * 2, 5000)) {
		try {
			Object.assign(page, await ask("page"));
			break;
		} catch (e) {
			main.replaceChildren(h("div", {class: "panel trouble", role: "alert"}, h("p", {}, e.message + " It is tried again.")));
			await new Promise(r => setTimeout(r, wait));
		}
	}
	setNow(page.now);
	document.getElementById("brand").textContent = page.title;
	document.getElementById("logout").hidden = !page.logout;
	connection.addEventListener("change", tellLive);
	live("inputs", tellInputs);
	tellInputs(page.inputs);
	addEventListener("hashchange", show);
	show();
}
start();
