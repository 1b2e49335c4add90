import {h} from "./lib.js";

export const title = "Pipeline";

export function show(main) {
	main.append(h("h1", {}, title));
}
