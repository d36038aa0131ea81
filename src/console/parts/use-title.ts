import { useEffect } from 'preact/hooks'
import { visibleLine } from './visible.ts'

/** Sets the title of the page, which browsers show and screen readers say. */
export function useTitle(text: string) {
  useEffect(() => {
    document.title = `${visibleLine(text)} – FomularOS`
  }, [text])
}
