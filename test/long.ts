/** `npm run test:long` (MOEGEN_LONG=1): all of what every change runs a sample of. */
export const long = process.env.MOEGEN_LONG === "1";
