import { visible } from './visible.ts'
import './problem.css'

/** A failure of a request, with its remedy. */
export const Problem = ({ error }: { error: Error & { remedy?: string | undefined } }) => (
  <p class="problem" role="alert" dir="auto">
    {visible(`${error.message} ${error.remedy ?? ''}`)}
  </p>
)
