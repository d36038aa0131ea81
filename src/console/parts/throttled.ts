import { type ReadonlySignal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

/** Returns the value of a signal: at once, and then at most once per interval. The last value always arrives. */
export function useThrottled<T>(source: ReadonlySignal<T>, intervalMs: number): T {
  const shown = useSignal(source.peek())
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let shownAt = Number.NEGATIVE_INFINITY
    const release = source.subscribe(() => {
      const waitMs = Math.max(0, shownAt + intervalMs - performance.now())
      timer ??= setTimeout(() => {
        timer = undefined
        shownAt = performance.now()
        shown.value = source.peek()
      }, waitMs)
    })
    return () => {
      release()
      clearTimeout(timer)
    }
  }, [source, intervalMs, shown])
  return shown.value
}
