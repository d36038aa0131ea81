import { isSigned } from './minisign.ts'

/** First line of a list of keys, so that nothing else that was ever signed is one. */
const HEAD = 'fomular-daemon release keys'
/** Changes of keys that are followed. */
const LISTS = 32
const KEYS = 16

/** Where a package or a release has its lists: the first key's successors in the first, theirs in the second. */
export const keyList = (number: number) => `keys-${number}.txt`

/**
 * Returns the keys that count for a release: those that are known, or what lists signed by them have put in their place.
 * @param read returns a file of the release, or undefined where there is none
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
    // One from before the known keys is by a key that is known no more.
    if (isSigned(list, signature.toString('utf8'), keys)) keys = keysIn(list.toString('utf8')) ?? keys
  }
  return keys
}

/** A list as it is signed. */
export const keyListText = (keys: readonly string[]) => `${[HEAD, ...keys].join('\n')}\n`

/** The keys that a list names; undefined for what is none. */
export function keysIn(text: string): string[] | undefined {
  const [head, ...lines] = text.split('\n').map((line) => line.trim())
  const keys = lines.filter(Boolean)
  return head === HEAD && keys.length > 0 && keys.length <= KEYS ? keys : undefined
}
