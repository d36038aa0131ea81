/**
 * Returns a machine's id as a URL path segment. An id that a path cannot contain (`.`, `..`, half of a
 * surrogate pair), or that begins like JSON, is written as JSON.
 */
export const idInAddress = (machineId: string) =>
  /^"|^\.{1,2}$|\p{Cs}/u.test(machineId) ? JSON.stringify(machineId) : machineId

/** Returns the machine's id from a URL path segment. */
export function idFromAddress(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

/**
 * Reports whether people and programs can write the id in commands and paths. The hub refuses a new machine
 * with any other id.
 */
export const isNameable = (machineId: string) => !/^\.{1,2}$|[\p{Cc}\p{Cs}]/u.test(machineId)
