/** English: what the account says. */
export default {};
