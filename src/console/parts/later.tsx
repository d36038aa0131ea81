import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** A component whose code is loaded when it is first shown, or when `preload` is called. */
type Later<P> = ComponentType<P> & { preload(): void }

/** Returns a component whose code is loaded later. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): Later<P> {
  let loaded: ComponentType<P> | undefined
  const keep = (component: ComponentType<P>) => {
    loaded = component
  }
  function Later(props: P) {
    const [Shown, setShown] = useState<ComponentType<P> | undefined>(() => loaded)
    const [problem, setProblem] = useState<Error>()
    useEffect(() => {
      if (Shown) return
      let isCurrent = true
      load().then(
        (component) => {
          keep(component)
          if (isCurrent) setShown(() => component)
        },
        (error: Error) => {
          if (isCurrent) setProblem(error)
        },
      )
      return () => {
        isCurrent = false
      }
    }, [])
    if (problem)
      return (
        <p role="alert">
          This part of the page could not be loaded. Load the page again. ({problem.message})
        </p>
      )
    return Shown ? <Shown {...props} /> : <p role="status">Loading…</p>
  }
  // A failure shows when the component is shown.
  return Object.assign(Later, { preload: () => void load().then(keep, () => {}) })
}
