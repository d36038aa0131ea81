/**
 * Returns the position of the first entry with a property, by binary search. All entries after that entry must
 * have the property, too. Without such an entry, returns the length of the list.
 */
export function firstWhere<T>(list: readonly T[], has: (entry: T) => boolean): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (has(list[middle]!)) to = middle
    else from = middle + 1
  }
  return from
}
