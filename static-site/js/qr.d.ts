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
export function qrSvg(text: string, label?: string): SVGSVGElement;
/**
 * The modules of a QR code, row by row, without the quiet zone: 1 for a dark one.
 *
 * @param {string} text at most 2,331 bytes in UTF-8; throws RangeError if it is longer
 * @returns {(0 | 1)[][]}
 */
export function qrModules(text: string): (0 | 1)[][];
/**
 * The modules of a symbol, 1 for a dark one; null while it has no value.
 */
export type Modules = (0 | 1 | null)[][];
