import type { ComponentChildren } from 'preact'

/** A table whose last column contains buttons. */
export const AdminTable = ({ heads, children }: { heads: string[]; children: ComponentChildren }) => (
  <table class="admin-table">
    <thead>
      <tr>
        {heads.map((head) => (
          <th key={head} scope="col">
            {head}
          </th>
        ))}
        <th scope="col">
          <span class="unseen">Actions</span>
        </th>
      </tr>
    </thead>
    <tbody>{children}</tbody>
  </table>
)
