import type { ComponentChildren } from 'preact'
import './empty.css'

/** Shown where there is nothing yet: says why, and what to do next. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      <div>{children}</div>
    </section>
  )
}
