import type { ComponentChildren } from 'preact'
import './items.css'

/** A page with things of a person, such as sessions, each with a button. */
export const ItemsPage = ({ title, children }: { title: string; children: ComponentChildren }) => (
  <section class="items-page" aria-labelledby="items-title">
    <h1 id="items-title">{title}</h1>
    {children}
  </section>
)

export const Items = ({ children }: { children: ComponentChildren }) => <ul class="items">{children}</ul>

interface ItemProps {
  title: string
  /** Title in detail, for a pointer. */
  detail: string | undefined
  /** Word that marks the item among the others. */
  mark: string | undefined
  /** Button of the item. */
  action: ComponentChildren
  children: ComponentChildren
}

export const Item = ({ title, detail, mark, action, children }: ItemProps) => (
  <li>
    <div>
      <h2 title={detail}>
        {title} {mark !== undefined && <span class="item-mark">{mark}</span>}
      </h2>
      {children}
    </div>
    {action}
  </li>
)
