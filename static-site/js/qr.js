/**
 * Draws QR codes (ISO/IEC 18004:2015), for the secret of a TOTP app: it is drawn in the page, so it goes to nobody.
 *
 * Bytes in UTF-8, error correction level M, the smallest of the 40 versions that has room, and the mask with the lowest
 * penalty. What is drawn is dark on light, whatever the colours of the page: many readers know nothing else.
 */

const SVG = "http://www.w3.org/2000/svg";
/** Modules of the quiet zone around a symbol (section 6.3.8). */
const QUIET = 4;
/** Codewords of error correction in each block, and the number of blocks, by version, for level M (table 9). */
const CORRECTION = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
];
const BLOCKS = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35,
  37, 38, 40, 43, 45, 47, 49,
];
/** Which modules each mask turns over (table 10). @type {((row: number, column: number) => boolean)[]} */
const MASKS = [
  (row, column) => (row + column) % 2 === 0,
  (row) => row % 2 === 0,
  (_, column) => column % 3 === 0,
  (row, column) => (row + column) % 3 === 0,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0,
  (row, column) => ((row * column) % 2) + ((row * column) % 3) === 0,
  (row, column) => (((row * column) % 2) + ((row * column) % 3)) % 2 === 0,
  (row, column) => (((row + column) % 2) + ((row * column) % 3)) % 2 === 0,
];
/** The colours of a finder pattern with its separator, from the centre. @type {(0 | 1)[]} */
const FINDER_RINGS = [1, 1, 0, 1, 0];
/** The same of an alignment pattern. @type {(0 | 1)[]} */
const ALIGNMENT_RINGS = [1, 0, 1];
/** What looks like a finder pattern in a line of modules. */
const FINDER = "1011101";

/**
 * The modules of a symbol, 1 for a dark one; null while it has no value.
 *
 * @typedef {(0 | 1 | null)[][]} Modules
 */

/**
 * Draw a QR code, as large as the page wants it.
 *
 * @param {string} text at most 2,331 bytes in UTF-8; throws RangeError if it is longer
 * @param {string} [label] what it is, for whoever does not see it
 * @returns {SVGSVGElement}
 */
export function qrSvg(text, label = "QR code") {
  const modules = qrModules(text);
  const size = modules.length + 2 * QUIET;
  const runs = modules.flatMap((row, y) =>
    [...row.join("").matchAll(/1+/g)].map(
      ({ index, 0: run }) => `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`,
    ),
  );
  const title = element("title", {});
  title.textContent = label;
  const svg = element("svg", {
    viewBox: `0 0 ${size} ${size}`,
    role: "img",
    "aria-label": label,
    "shape-rendering": "crispEdges",
  });
  const light = element("path", { d: `M0 0h${size}v${size}H0z`, fill: "#fff" });
  svg.append(title, light, element("path", { d: runs.join(""), fill: "#000" }));
  return /** @type {SVGSVGElement} */ (svg);
}

/** @param {Record<string, string>} attributes */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/**
 * The modules of a QR code, row by row, without the quiet zone: 1 for a dark one.
 *
 * @param {string} text at most 2,331 bytes in UTF-8; throws RangeError if it is longer
 * @returns {(0 | 1)[][]}
 */
export function qrModules(text) {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= 40; version += 1) {
    const frame = functionPatterns(version);
    const capacity = Math.floor(frame.flat().filter((module) => module === null).length / 8);
    const room = capacity - CORRECTION[version - 1] * BLOCKS[version - 1];
    const data = dataCodewords(bytes, version, room);
    if (data) return complete(frame, withCorrection(data, version, capacity), version);
  }
  throw new RangeError("The text is too long for a QR code");
}

/** All that is the same in each symbol of a version (6.3). Where format and version will be, it is light. */
function functionPatterns(version) {
  const size = 17 + 4 * version;
  /** @type {Modules} */
  const modules = Array.from({ length: size }, () => Array(size).fill(null));
  for (let i = 8; i < size - 8; i += 1) modules[6][i] = modules[i][6] = i % 2 ? 0 : 1;
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) drawRings(modules, row, column, FINDER_RINGS);
  for (const row of alignmentCentres(version)) {
    for (const column of alignmentCentres(version)) {
      const isFinder = Math.min(row, column) === 6 && [6, size - 7].includes(Math.max(row, column));
      if (!isFinder) drawRings(modules, row, column, ALIGNMENT_RINGS);
    }
  }
  drawFormat(modules, 0);
  if (version >= 7) drawVersion(modules, 0);
  return modules;
}

/** Draw square rings around a module, of one colour each. @param {Modules} modules @param {(0 | 1)[]} colours */
function drawRings(modules, centreRow, centreColumn, colours) {
  const radius = colours.length - 1;
  for (let row = -radius; row <= radius; row += 1) {
    for (let column = -radius; column <= radius; column += 1) {
      const line = modules[centreRow + row];
      const isInside = line && line[centreColumn + column] !== undefined;
      if (isInside) line[centreColumn + column] = colours[Math.max(Math.abs(row), Math.abs(column))];
    }
  }
}

/** Where the alignment patterns of a version are, in rows and in columns (annex E). */
function alignmentCentres(version) {
  if (version === 1) return [];
  const last = 10 + 4 * version;
  const intervals = Math.floor(version / 7) + 1;
  // Version 32 is as the standard has it, and no rule gives it.
  const step = version === 32 ? 26 : Math.ceil((last - 6) / intervals / 2) * 2;
  return [6, ...Array.from({ length: intervals }, (_, i) => last - (intervals - 1 - i) * step)];
}

/** The format in both of its places, and the dark module (7.9). @param {Modules} modules @param {number} bits */
function drawFormat(modules, bits) {
  const size = modules.length;
  for (let i = 0; i < 15; i += 1) {
    const bit = bitOf(bits, i);
    // Along the column, past the timing pattern, and then along the row.
    if (i < 8) modules[i < 6 ? i : i + 1][8] = bit;
    else modules[8][i === 8 ? 7 : 14 - i] = bit;
    if (i < 8) modules[8][size - 1 - i] = bit;
    else modules[size - 15 + i][8] = bit;
  }
  modules[size - 8][8] = bits ? 1 : 0;
}

/** The version in both of its places (7.10). @param {Modules} modules @param {number} bits */
function drawVersion(modules, bits) {
  const near = modules.length - 11;
  for (let i = 0; i < 18; i += 1) {
    const [across, along] = [near + (i % 3), Math.floor(i / 3)];
    modules[along][across] = modules[across][along] = bitOf(bits, i);
  }
}

/** @returns {0 | 1} */
function bitOf(bits, position) {
  return (bits >> position) & 1 ? 1 : 0;
}

/** The codewords that carry some bytes (7.4), null if they have no room. @param {Uint8Array} bytes */
function dataCodewords(bytes, version, room) {
  const hex = (value, digits) => value.toString(16).padStart(digits, "0");
  // The mode, how many there are, the bytes and the end: whole codewords, with no bit left.
  const digits = `4${hex(bytes.length, version < 10 ? 2 : 4)}${Array.from(bytes, (byte) => hex(byte, 2)).join("")}0`;
  if (digits.length > 2 * room) return null;
  const codewords = (digits.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  for (let i = 0; codewords.length < room; i += 1) codewords.push(i % 2 ? 0x11 : 0xec);
  return codewords;
}

/** Data in blocks, with error correction, interleaved (7.5, 7.6). @param {number[]} data */
function withCorrection(data, version, capacity) {
  const blocks = BLOCKS[version - 1];
  const longer = capacity % blocks;
  const least = Math.floor(data.length / blocks);
  const generator = generatorOf(CORRECTION[version - 1]);
  /** @type {number[][]} */
  const parts = [];
  for (let i = 0, start = 0; i < blocks; i += 1) {
    const end = start + least + (i >= blocks - longer ? 1 : 0);
    parts.push(data.slice(start, end));
    start = end;
  }
  return [...interleaved(parts), ...interleaved(parts.map((part) => remainder(part, generator)))];
}

/** The first of each part, the second of each, and so on. @param {number[][]} parts */
function interleaved(parts) {
  const longest = Math.max(...parts.map((part) => part.length));
  return Array.from({ length: longest }, (_, i) => parts.flatMap((part) => part.slice(i, i + 1))).flat();
}

/** The polynomial whose roots are the first powers of 2 in GF(256), highest coefficient first (annex A). */
function generatorOf(degree) {
  let polynomial = [1];
  for (let i = 0, root = 1; i < degree; i += 1, root = multiply(root, 2)) {
    polynomial = [...polynomial, 0].map((coefficient, j) => coefficient ^ multiply(polynomial[j - 1] ?? 0, root));
  }
  return polynomial;
}

/** What is left of a block, as a polynomial, after a division. @param {number[]} block @param {number[]} generator */
function remainder(block, generator) {
  const rest = [...block, ...Array(generator.length - 1).fill(0)];
  block.forEach((_, i) => {
    const factor = rest[i];
    generator.forEach((coefficient, j) => (rest[i + j] ^= multiply(coefficient, factor)));
  });
  return rest.slice(block.length);
}

/** Multiply in GF(256), modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a, b) {
  let product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ ((a >> 7) * 0x11d);
  }
  return product;
}

/** Draw codewords into a frame, under the mask that suits it best, and say all of it (7.7 to 7.10). */
function complete(frame, codewords, version) {
  const free = freeModules(frame);
  const candidates = MASKS.map((mask) => {
    const modules = frame.map((row) => [...row]);
    free.forEach(([row, column], i) => {
      const bit = (codewords[i >> 3] >> (7 - (i & 7))) & 1;
      modules[row][column] = mask(row, column) ? 1 - bit : bit;
    });
    return modules;
  });
  const penalties = candidates.map(penalty);
  const best = penalties.indexOf(Math.min(...penalties));
  // The level M is 0.
  drawFormat(candidates[best], withCheck(best, 10, 0x537) ^ 0x5412);
  if (version >= 7) drawVersion(candidates[best], withCheck(version, 12, 0x1f25));
  return candidates[best];
}

/** Where there is room for codewords: in pairs of columns from the right, upwards and downwards by turns (7.7.3). */
function freeModules(frame) {
  const size = frame.length;
  /** @type {[number, number][]} */
  const free = [];
  let isUpwards = true;
  for (let right = size - 1; right > 0; right -= 2) {
    // The column of the timing pattern is no part of a pair.
    if (right === 6) right -= 1;
    for (let step = 0; step < size; step += 1) {
      const row = isUpwards ? size - 1 - step : step;
      for (const column of [right, right - 1]) if (frame[row][column] === null) free.push([row, column]);
    }
    isUpwards = !isUpwards;
  }
  return free;
}

/** A value and its check bits of a BCH code (annexes C and D). */
function withCheck(value, bits, generator) {
  let check = value;
  for (let i = 0; i < bits; i += 1) check = (check << 1) ^ ((check >> (bits - 1)) * generator);
  return (value << bits) | check;
}

/** How ill a masked symbol can be read (7.8.3.1). Format and version are not there yet. @param {number[][]} modules */
function penalty(modules) {
  const size = modules.length;
  const rows = modules.map((row) => row.join(""));
  const columns = modules.map((_, i) => rows.map((row) => row[i]).join(""));
  let points = 0;
  for (const line of [...rows, ...columns]) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
    points += 40 * likeFinders(line);
  }
  for (let row = 1; row < size; row += 1) {
    for (let column = 1; column < size; column += 1) {
      const [above, here] = [modules[row - 1], modules[row]];
      const dark = above[column - 1] + above[column] + here[column - 1] + here[column];
      if (dark === 0 || dark === 4) points += 3;
    }
  }
  const share = rows.join("").replaceAll("0", "").length / size ** 2;
  return points + 10 * Math.floor(Math.abs(share * 100 - 50) / 5);
}

/** How often a line has what looks like a finder pattern, with four light modules, or the border, on a side of it. */
function likeFinders(line) {
  let found = 0;
  for (let at = line.indexOf(FINDER); at >= 0; ) {
    const sides = [line.slice(Math.max(at - 4, 0), at), line.slice(at + 7, at + 11)];
    const isAlone = sides.some((side) => !side.includes("1"));
    if (isAlone) found += 1;
    at = line.indexOf(FINDER, at + (isAlone ? 7 : 4));
  }
  return found;
}
