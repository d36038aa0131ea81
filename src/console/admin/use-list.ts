import { useCallback, useEffect, useState } from 'preact/hooks'

/** A list from the hub. */
export interface Loaded<T> {
  /** The list; undefined until it is loaded. */
  value: T | undefined
  problem: (Error & { remedy?: string }) | undefined
  /** Loads the list again. */
  reload(): void
}

/** Loads a list when its page is opened, and on request. */
export function useList<T>(load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T>()
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  const [count, setCount] = useState(0)
  useEffect(() => {
    let isCurrent = true
    load().then(
      (loaded) => {
        if (!isCurrent) return
        setValue(loaded)
        setProblem(undefined)
      },
      (error: Error) => {
        if (isCurrent) setProblem(error)
      },
    )
    return () => {
      isCurrent = false
    }
  }, [count])
  return { value, problem, reload: useCallback(() => setCount((now) => now + 1), []) }
}
