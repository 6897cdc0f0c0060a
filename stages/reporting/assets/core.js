// What the page's parts share: the data in the page, and side files, which are scripts that call bench.receive.
"use strict";
const bench = {
  page: JSON.parse(document.getElementById("data").textContent),
  received: new Map(),

  /** Called by side files: samples/<benchmark>.js, samples/<benchmark>/<run>.js, ../hours.js, ../origin.js. */
  receive(kind, content) {
    const key = [kind, content.benchmark, content.run].filter(Boolean).join("/");
    this.received.set(key, content);
  },

  /** Loads a side file once; resolves to what it handed over, rejects when it is not there. */
  load(source, key) {
    if (this.received.has(key)) return Promise.resolve(this.received.get(key));
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = () => (this.received.has(key) ? resolve(this.received.get(key)) : reject(new Error(source)));
      script.onerror = () => reject(new Error(`${source} is not there`));
      document.head.append(script);
    });
  },

  /** An element with properties, attributes (data-…, aria-…) and children; text is never read as HTML. */
  element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key.includes("-")) made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children);
    return made;
  },
};
window.bench = bench;
