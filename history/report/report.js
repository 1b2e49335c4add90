"use strict";
// Shows only the differences of a camera, an analysis, a kind. Without this all are shown.
(() => {
	const form = document.querySelector("form.filter");
	if (!form) return;
	const choices = [...form.querySelectorAll("select")];
	const groups = [...document.querySelectorAll("section.group")].map(section => ({section, items: [...section.querySelectorAll("article")]}));
	const said = form.querySelector("output");
	const all = groups.reduce((n, g) => n + g.items.length, 0);

	const apply = () => {
		let shown = 0;
		for (const {section, items} of groups) {
			let here = 0;
			for (const item of items) {
				item.hidden = choices.some(c => c.value && item.dataset[c.dataset.filter] !== c.value);
				if (!item.hidden) here++;
			}
			section.hidden = here === 0;
			shown += here;
		}
		said.value = shown === all ? all + (all === 1 ? " difference" : " differences") : shown + " of " + all + " differences";
	};
	// A link to a difference that the filter hides shows it.
	const follow = () => {
		const target = document.getElementById(location.hash.slice(1));
		if (!target || !target.closest("[hidden]")) return;
		for (const c of choices) c.value = "";
		apply();
		target.scrollIntoView();
	};

	form.hidden = false;
	form.addEventListener("submit", e => e.preventDefault());
	form.addEventListener("change", apply);
	addEventListener("hashchange", follow);
	apply(); // a browser may remember what was chosen
	follow();
})();
