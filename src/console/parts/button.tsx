import type { ComponentChildren } from 'preact'
import './button.css'

interface ButtonProps {
  children: ComponentChildren
  /** `plain` by default. */
  look?: 'plain' | 'main' | 'danger' | 'quiet'
  type?: 'button' | 'submit'
  disabled?: boolean
  /** Name for assistive technology, if the button shows only a symbol. */
  label?: string
  onClick?: (event: MouseEvent) => void
}

export function Button({ children, look = 'plain', type = 'button', label, ...rest }: ButtonProps) {
  return (
    <button class={`button button-${look}`} type={type} aria-label={label} {...rest}>
      {children}
    </button>
  )
}
