import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

/**
 * Reports whether the end of a sheet's content has been on the screen, above the bar with the answers, since
 * `what` last changed. If the content grows, for example because a part of it was still loading, its new end
 * must be on the screen. The returned reference belongs to an element at the end of the content.
 */
export function useReadToEnd(what: unknown): { end: RefObject<HTMLDivElement | null>; isRead: boolean } {
  const end = useRef<HTMLDivElement>(null)
  const [read, setRead] = useState<unknown>()
  useEffect(() => {
    const { current } = end
    const sheet = current?.closest('dialog')
    if (!current || !sheet) return
    let seenAt = 0
    const look = () => {
      const limit = sheet.querySelector('.answer-bar') ?? sheet
      const { top, bottom } = limit.getBoundingClientRect()
      if (current.getBoundingClientRect().bottom <= (limit === sheet ? bottom : top)) {
        seenAt = current.offsetTop
        setRead(what)
      } else if (current.offsetTop > seenAt) setRead(undefined)
    }
    const sizes = new ResizeObserver(look)
    sizes.observe(sheet)
    const changes = new MutationObserver(look)
    changes.observe(sheet, { childList: true, characterData: true, subtree: true })
    sheet.addEventListener('scroll', look, { passive: true })
    return () => {
      sizes.disconnect()
      changes.disconnect()
      sheet.removeEventListener('scroll', look)
    }
  }, [what])
  return { end, isRead: read === what }
}
