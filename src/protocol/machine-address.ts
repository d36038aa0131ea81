/**
 * A machine's id as it stands in an address. A path takes `.` and `..` for steps, and no address holds half a pair of
 * surrogates: such an id is written as JSON, and so is one that would be read as that.
 */
export const idInAddress = (machineId: string) =>
  /^"|^\.{1,2}$|\p{Cs}/u.test(machineId) ? JSON.stringify(machineId) : machineId

/** The id that stands in an address so. */
export function idFromAddress(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

/** Whether people and programs can name it: a new machine may have no other id. */
export const isNameable = (machineId: string) => !/^\.{1,2}$|[\p{Cc}\p{Cs}]/u.test(machineId)
