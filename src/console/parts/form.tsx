import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { visible, visibleLine } from './visible.ts'
import './form.css'

/** Maximum length of the text of an option. */
const OPTION_CHARS = 500

interface FormProps {
  children: ComponentChildren
  onSubmit(): void
}

/** A form whose fields are one below the other. */
export function Form({ children, onSubmit }: FormProps) {
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
    </form>
  )
}

/** The buttons at the end of a dialog, the main one last. */
export const DialogBar = ({ children }: { children: ComponentChildren }) => (
  <div class="dialog-bar">{children}</div>
)

interface FieldProps {
  label: string
  hint?: string | undefined
  /** Sentence about a value that is probably wrong. */
  doubt?: string | undefined
  /** Returns the input with this id. */
  children(id: string): ComponentChildren
}

/** An input with its label. */
export function Field({ label, hint, doubt, children }: FieldProps) {
  const id = useId()
  return (
    <div class="form-field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint !== undefined && <span class="form-hint">{hint}</span>}
      {doubt !== undefined && (
        <span class="form-doubt" role="status">
          {visible(doubt)}
        </span>
      )}
    </div>
  )
}

interface TextProps extends Pick<FieldProps, 'label' | 'hint' | 'doubt'> {
  value: string
  onChange(value: string): void
  isRequired?: boolean
  type?: 'text' | 'number' | 'url'
  min?: number
  step?: number | 'any'
  maxLength?: number
  placeholder?: string
  /** Values to suggest. */
  suggestions?: string[]
}

/** A line of text with its label. */
export function TextField({
  label,
  hint,
  doubt,
  value,
  onChange,
  isRequired,
  suggestions,
  ...rest
}: TextProps) {
  const list = useId()
  return (
    <Field label={label} hint={hint} doubt={doubt}>
      {(id) => (
        <>
          <input
            id={id}
            value={value}
            required={isRequired}
            autocomplete="off"
            list={suggestions && list}
            onInput={(event) => onChange(event.currentTarget.value)}
            {...rest}
          />
          {suggestions && (
            <datalist id={list}>
              {suggestions.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  )
}

interface SelectProps extends Pick<FieldProps, 'label' | 'hint' | 'doubt'> {
  value: string
  /** Values with their texts. */
  choices: readonly (readonly [value: string, text: string])[]
  onChange(value: string): void
}

/** A choice of one value. */
export function Select({ label, hint, doubt, value, choices, onChange }: SelectProps) {
  return (
    <Field label={label} hint={hint} doubt={doubt}>
      {(id) => (
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {choices.map(([each, text]) => (
            <option key={each} value={each} selected={each === value}>
              {visibleLine(text, OPTION_CHARS)}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

interface CheckProps {
  label: string
  checked: boolean
  onChange(checked: boolean): void
}

/** A box to check, with its label. */
export const Check = ({ label, checked, onChange }: CheckProps) => (
  <label class="form-check">
    <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
    {label}
  </label>
)
