import {h} from "./lib.js";

export const title = "Events";

export function show(main) {
	main.append(h("h1", {}, title));
}
