// Data from merchants and providers is untrusted. It only ever becomes text, and what would hide or turn
// text around (direction overrides, zero-width and control characters, piles of marks) is made visible.
import { html } from "./ui.js";

const NAMES = {
  0x00: "NUL", 0x1b: "ESC", 0x7f: "DEL", 0xad: "SHY", 0x34f: "CGJ", 0x61c: "ALM", 0x180e: "MVS",
    0x200b: "ZWSP",
  0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202a: "LRE",
  0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI",
  0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM", 0x3164: "HF", 0xfffc: "OBJ",
};
// Controls but tab and line feed, format characters, separators, private use, lone surrogates.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u3164\p{Cf}\p{Co}\p{Cs}]/u;
const PILE = /(\p{M}{4})\p{M}+/gu;

const name = (char) => {
  const code = char.codePointAt(0);
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
};

const sane = (value) => {
  const text = typeof value === "string" ? value : String(value);
  return (text.isWellFormed?.() === false ? text.toWellFormed() : text).replace(PILE, "$1…");
};

/** As plain text, for titles and copies: `[RLO]` in place of what cannot be seen. */
export function plain(value) {
  if (value === null || value === undefined) return "";
  return [...sane(value)].map((char) => (HIDDEN.test(char) ? `[${name(char)}]` : char)).join("");
}

/** As children of an element: text, with hidden characters as marks of their own. */
export function shown(value) {
  if (value === null || value === undefined || value === "") return null;
  const text = sane(value);
  if (!HIDDEN.test(text)) return text;
  const out = [];
  let run = "";
  for (const char of text) {
    if (!HIDDEN.test(char)) {
      run += char;
      continue;
    }
    if (run) out.push(run);
    run = "";
    const code = `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    out.push(html`<span class="hidden-char" title=${`a hidden character: ${code}`}>${name(char)}</span>`);
  }
  if (run) out.push(run);
  return out;
}

/** A piece of data in a line; its direction cannot reach what stands around it. */
export function Data({ value, mono, empty = "–", title }) {
  const text = shown(value);
  return html`<bdi class=${mono ? "data mono" : "data"} title=${title && plain(title)}>${text ?? empty}
    </bdi>`;
}
