// What all views share: building elements, asking the server, what is new, and words.

/** h makes an element: h("td", {class: "number"}, "12"). A property that begins with "on" is a listener; null and false are left out. */
export function h(tag, props, ...children) {
	return fill(document.createElement(tag), props, children);
}

/** svg makes an element of a drawing. */
export function svg(tag, props, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(e, props, children) {
	for (const [name, value] of Object.entries(props || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
		else if (name === "dataset") Object.assign(e.dataset, value);
		else if (name === "value" || name === "checked" || name === "selected") e[name] = value;
		else e.setAttribute(name, value === true ? "" : value);
	}
	e.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
	return e;
}

/** ApiError is an answer of the server other than success; code is a word such as "not_found" or "away". */
export class ApiError extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

/** request asks the server, and throws an ApiError, also where it cannot be reached (code "unreachable"). */
export async function request(path, {signal, method = "GET", body} = {}) {
	let answer;
	try {
		answer = await fetch("/api/v1/" + path, {
			signal, method, credentials: "same-origin",
			headers: body === undefined ? {} : {"Content-Type": "application/json"},
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (e) {
		if (signal?.aborted) throw e;
		throw new ApiError(0, "unreachable", "The page's server cannot be reached.");
	}
	if (answer.ok) return answer;
	let told = {};
	try { told = (await answer.json()).error || {}; } catch { /* not JSON: a proxy's */ }
	if (answer.status === 401) location.assign("/login");
	throw new ApiError(answer.status, told.code || "failed", told.message || `The server answered ${answer.status}.`);
}

/** ask is the JSON that the server answers. */
export async function ask(path, options) {
	return (await request(path, options)).json();
}

/** query writes parameters, leaving out those that are empty. */
export function query(params) {
	const q = new URLSearchParams();
	for (const [name, value] of Object.entries(params)) {
		for (const v of Array.isArray(value) ? value : [value]) if (v !== "" && v !== null && v !== undefined) q.append(name, v);
	}
	const text = q.toString();
	return text ? "?" + text : "";
}

/** page is what /api/v1/page says: title, zone, edit, cameras, kafka, frames, …; app.js fills it in before a view is shown. */
export const page = {zone: "UTC", cameras: [], inputs: []};

// What is new: one stream for the whole page, which ends while nobody sees it.
const listeners = new Map(); // topic → set of functions
const newest = new Map(); // topic → the newest state
let stream = null, opened = "";
export const connection = new EventTarget();
export let connected = false;

function setConnected(now) {
	if (connected === now) return;
	connected = now;
	connection.dispatchEvent(new Event("change"));
}

function open() {
	const topics = [...listeners.keys()].sort().join(",");
	if (document.hidden) {
		stream?.close();
		stream = null;
		opened = "";
		return;
	}
	if (stream && stream.readyState !== EventSource.CLOSED && topics === opened) return;
	stream?.close();
	opened = topics;
	stream = new EventSource("/api/v1/stream?topics=" + topics);
	const mine = stream;
	mine.onopen = () => setConnected(true);
	mine.onerror = () => {
		if (mine !== stream) return;
		setConnected(false);
		if (mine.readyState === EventSource.CLOSED) setTimeout(() => { if (mine === stream) { opened = ""; open(); } }, 2000);
	};
	for (const topic of listeners.keys()) {
		mine.addEventListener(topic, e => {
			const value = JSON.parse(e.data);
			newest.set(topic, value);
			for (const fn of [...listeners.get(topic) || []]) fn(value);
		});
	}
}
let opening = 0;
const openSoon = () => { clearTimeout(opening); opening = setTimeout(open, 0); };
document.addEventListener("visibilitychange", openSoon);

/**
 * live calls fn with everything new of a topic until signal aborts; the event "reset" says that some were missed:
 * ask anew for what is shown.
 */
export function live(topic, fn, signal) {
	if (signal?.aborted) return;
	if (!listeners.has(topic)) listeners.set(topic, new Set());
	listeners.get(topic).add(fn);
	signal?.addEventListener("abort", () => {
		const of = listeners.get(topic);
		of?.delete(fn);
		if (of && !of.size) { listeners.delete(topic); newest.delete(topic); openSoon(); }
	});
	if (newest.has(topic) && topic !== "reset") queueMicrotask(() => { if (!signal?.aborted) fn(newest.get(topic)); });
	openSoon();
}

/** every calls fn now and then again so many milliseconds after it has ended, not while nobody sees the page. */
export function every(ms, fn, signal) {
	if (signal.aborted) return () => {};
	let timer = 0, running = false;
	const run = async () => {
		clearTimeout(timer);
		if (signal.aborted || running) return;
		if (!document.hidden) {
			running = true;
			try { await fn(); } catch (e) { if (!signal.aborted) console.debug(e); }
			running = false;
		}
		if (!signal.aborted) timer = setTimeout(run, ms);
	};
	document.addEventListener("visibilitychange", () => { if (!document.hidden) run(); }, {signal});
	signal.addEventListener("abort", () => clearTimeout(timer));
	run();
	return run;
}

/** announce has a screen reader say something; with urgent at once. */
export function announce(text, urgent = false) {
	const e = document.getElementById(urgent ? "alarm" : "heard");
	e.textContent = "";
	setTimeout(() => { e.textContent = text; }, 50);
}

/** copy puts a text on the clipboard, and says on the button whether it could. */
export async function copy(text, button) {
	const was = button.textContent;
	try {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
	} catch {
		button.textContent = "The browser does not allow it";
	}
	announce(button.textContent);
	setTimeout(() => { button.textContent = was; }, 2000);
}

// Words and numbers.
const thin = "\u202f";

/** count writes a whole number with its thousands apart. */
export const count = n => n === null || n === undefined || n < 0 ? "–" : Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, thin);

/** plural is a count with its word. */
export const plural = (n, one, many) => n === 1 ? "1 " + one : count(n) + " " + many;

/** decimal writes a number with so many digits after the point. */
export const decimal = (n, digits = 1) => n === null || n === undefined || !isFinite(n) ? "–" : n.toFixed(digits);

/** duration writes seconds for people: 0.4 s, 12 s, 3 min, 2 h 5 min, 4 d. */
export function duration(s) {
	if (s === null || s === undefined || !isFinite(s)) return "–";
	if (s < 0) return "−" + duration(-s);
	if (s < 10) return s.toFixed(1) + " s";
	if (s < 120) return Math.round(s) + " s";
	if (s < 7200) return Math.round(s / 60) + " min";
	if (s < 48 * 3600) return Math.floor(s / 3600) + " h" + (Math.round(s % 3600 / 60) ? " " + Math.round(s % 3600 / 60) + " min" : "");
	if (s < 730 * 86400) return Math.round(s / 86400) + " d";
	return Math.round(s / 86400 / 365.25) + " years";
}

/** bytes writes a size. */
export function bytes(n) {
	if (n === null || n === undefined) return "–";
	const units = ["B", "KB", "MB", "GB", "TB", "PB"];
	let i = 0;
	while (n >= 999.5 && i < units.length - 1) { n /= 1000; i++; }
	return (i && n < 99.95 ? n.toFixed(1) : Math.round(n)) + " " + units[i];
}

// The server's clock, not this machine's, says how old things are.
let ahead = 0;
export function setNow(iso) { ahead = Date.parse(iso) - Date.now(); }
export const now = () => Date.now() + ahead;
/** age is how many seconds ago a moment was. */
export const age = at => (now() - (typeof at === "number" ? at : Date.parse(at))) / 1000;

const zoned = new Map();
function format(options) {
	const key = page.zone + JSON.stringify(options);
	if (!zoned.has(key)) zoned.set(key, new Intl.DateTimeFormat("en-GB", {timeZone: page.zone === "Local" ? undefined : page.zone, ...options}));
	return zoned.get(key);
}
const moment = at => new Date(typeof at === "number" ? at : Date.parse(at));
/** time is the time of day of a moment, by the page's zone; date its day; both. */
export const time = at => format({hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"}).format(moment(at));
export const shortTime = at => format({hour: "2-digit", minute: "2-digit", hourCycle: "h23"}).format(moment(at));
export const date = at => format({weekday: "short", day: "numeric", month: "short", year: "numeric"}).format(moment(at));
/** isoDate is 2024-05-01. */
export const isoDate = at => { const p = Object.fromEntries(format({year: "numeric", month: "2-digit", day: "2-digit"}).formatToParts(moment(at)).map(x => [x.type, x.value])); return `${p.year}-${p.month}-${p.day}`; };
export const dateTime = at => isoDate(at) + " " + time(at);

/** eventName is an event's type for people: LineDetector/Crossed is "Line crossed". */
export const eventName = type => names[type] || type.replace(/^.*\//, "").replace(/([a-z])([A-Z])/g, (_, a, b) => a + " " + b.toLowerCase());
const names = {
	"LineDetector/Crossed": "Line crossed", "FieldDetector/ObjectsInside": "In zone", "LoiteringDetector/ObjectIsLoitering": "Loitering",
	"MotionRegionDetector/Motion": "Motion", GlobalSceneChange: "Camera moved", ImageTooDark: "Too dark", ImageTooBright: "Too bright",
	ImageTooBlurry: "Blurred", SignalLoss: "No signal", ImageFrozen: "Frozen", ImageCovered: "Covered", SceneCut: "Scene cut", KeyFrame: "Key frame",
	FadeToBlack: "Fade to black", FramesMissingOften: "Frames missing often", MotionSkipped: "Motion skipped", EpochStarted: "Epoch started",
	FramesMissing: "Frames missing", Silence: "Silence", EpochForgotten: "Epoch forgotten", CameraUnknown: "Camera unknown",
};

/** trouble is a panel that says what went wrong, with what can be done: try is a function. */
export function trouble(error, retry) {
	return h("div", {class: "panel trouble", role: "alert"}, h("p", {}, error.message), retry && h("p", {}, h("button", {type: "button", onclick: retry}, "Try again")));
}

/** go shows another place: go("cameras", "gate"). */
export function go(...parts) { location.hash = place(...parts); }
/** place is the address of a place, for links: place("events") + query({camera: "gate"}). */
export const place = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
