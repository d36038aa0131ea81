import { useEffect, useState } from 'preact/hooks'

/** Width from which two texts stand side by side, in pixels. */
const WIDE_PX = 900

/** Reports whether an element is wide enough for two texts side by side. */
export function useWide(element: { current: HTMLElement | null }): boolean {
  const [isWide, setWide] = useState(false)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWide((entry?.contentRect.width ?? 0) >= WIDE_PX))
    if (element.current) observer.observe(element.current)
    return () => observer.disconnect()
  }, [element])
  return isWide
}
