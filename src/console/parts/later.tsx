import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Returns a component whose code is loaded when it is first shown. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined
  return function Later(props: P) {
    const [Shown, setShown] = useState<ComponentType<P> | undefined>(() => loaded)
    const [problem, setProblem] = useState<Error>()
    useEffect(() => {
      if (Shown) return
      let isCurrent = true
      load().then(
        (component) => {
          loaded = component
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
}
