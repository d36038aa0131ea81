import { isSigned } from './minisign.ts'

/** First line of a list of keys. It ensures that no other signed file can be used as a list of keys. */
const HEAD = 'fomular-daemon release keys'
/** Maximum number of lists of keys, and maximum number of keys in a list. */
const LISTS = 32
const KEYS = 16

/**
 * Returns the file name of a list of keys in a release. List 1 replaces the first keys, list 2 replaces the
 * keys of list 1, and so on.
 */
export const keyList = (number: number) => `keys-${number}.txt`

/**
 * Returns the keys that are valid for a release: the known keys, or the keys that have replaced them. A list
 * of replacements is signed with a key that it replaces.
 * @param read function that returns a file of the release; undefined if the file does not exist
 */
export function keysFor(
  known: readonly string[],
  read: (path: string) => Buffer | undefined,
): readonly string[] {
  let keys = known
  for (let number = 1; number <= LISTS; number++) {
    const list = read(keyList(number))
    const signature = read(`${keyList(number)}.minisig`)
    if (!list || !signature) return keys
    // Skip a list that is older than the known keys: it is signed with a key that is no longer known.
    if (isSigned(list, signature.toString('utf8'), keys)) keys = keysIn(list.toString('utf8')) ?? keys
  }
  return keys
}

/** Returns the text of a list of keys, which must then be signed. */
export const keyListText = (keys: readonly string[]) => `${[HEAD, ...keys].join('\n')}\n`

/** Returns the keys in a list; undefined if the text is not a list. */
export function keysIn(text: string): string[] | undefined {
  const [head, ...lines] = text.split('\n').map((line) => line.trim())
  const keys = lines.filter(Boolean)
  return head === HEAD && keys.length > 0 && keys.length <= KEYS ? keys : undefined
}
