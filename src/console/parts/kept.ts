import { useCallback, useState } from 'preact/hooks'

/** Maximum number of values to keep. */
const MOST = 5000

const kept = new Map<string, boolean>()

/**
 * Returns a value and the function that changes it, like `useState`. The value outlives its component: parts
 * of a long list come and go while a person scrolls.
 */
export function useKept(id: string, initial: boolean): [boolean, (value: boolean) => void] {
  const [, draw] = useState(0)
  const keep = useCallback(
    (value: boolean) => {
      kept.delete(id)
      kept.set(id, value)
      if (kept.size > MOST) kept.delete(kept.keys().next().value!)
      draw((count) => count + 1)
    },
    [id],
  )
  return [kept.get(id) ?? initial, keep]
}
