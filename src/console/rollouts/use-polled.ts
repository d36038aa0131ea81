import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

export interface Polled<T> {
  /** The latest answer; undefined until the first. */
  value: T | undefined
  /** The failure of the latest request. */
  problem: (Error & { remedy?: string }) | undefined
  /** Asks again now. */
  reload(): void
}

/** Asks the hub again and again while the page is shown, because the hub's stream has no rollouts. */
export function usePolled<T>(load: () => Promise<T>, everyMs: number): Polled<T> {
  const [value, setValue] = useState<T>()
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  const [count, setCount] = useState(0)
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    let isCurrent = true
    let timer: number | undefined
    const ask = async () => {
      try {
        const found = await latest.current()
        if (!isCurrent) return
        setValue(found)
        setProblem(undefined)
      } catch (error) {
        if (isCurrent) setProblem(error as Error)
      }
      if (isCurrent) timer = window.setTimeout(next, everyMs)
    }
    // A page in the background asks when it is shown again.
    const next = () => {
      timer = undefined
      if (!document.hidden) void ask()
    }
    const onShown = () => {
      if (timer === undefined && !document.hidden) next()
    }
    document.addEventListener('visibilitychange', onShown)
    void ask()
    return () => {
      isCurrent = false
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onShown)
    }
  }, [count])
  return { value, problem, reload: useCallback(() => setCount((now) => now + 1), []) }
}
