import { isSigned } from './minisign.ts'

/** First line of a list of keys, so that no other signed file can pass for one. */
const HEAD = 'fomular-daemon release keys'
/** Maximum number of key changes to follow. */
const LISTS = 32
const KEYS = 16

/**
 * Returns the file name of a list of keys in a release. List 1 replaces the first keys, list 2 replaces
 * those of list 1, and so on.
 */
export const keyList = (number: number) => `keys-${number}.txt`

/**
 * Returns the keys that count for a release: the known keys, or their replacements in lists signed with them.
 * @param read returns a file of the release; undefined if it does not exist
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
    // A list older than the known keys is signed with a key that is no longer known.
    if (isSigned(list, signature.toString('utf8'), keys)) keys = keysIn(list.toString('utf8')) ?? keys
  }
  return keys
}

/** Returns the text of a list, ready to be signed. */
export const keyListText = (keys: readonly string[]) => `${[HEAD, ...keys].join('\n')}\n`

/** Returns the keys in a list; undefined if the text is not a list. */
export function keysIn(text: string): string[] | undefined {
  const [head, ...lines] = text.split('\n').map((line) => line.trim())
  const keys = lines.filter(Boolean)
  return head === HEAD && keys.length > 0 && keys.length <= KEYS ? keys : undefined
}
