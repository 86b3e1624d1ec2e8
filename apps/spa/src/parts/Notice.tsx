import type { ReactNode } from "react";

import type { Message } from "../messages";

/** Says what happened and offers what to do. Read out when it appears. */
export function Notice(props: { message: Message; onDismiss?: () => void; children?: ReactNode }) {
  const { tone, title, text, detail } = props.message;
  return (
    <section className={`notice ${tone}`} role={tone === "error" ? "alert" : "status"}>
      <h2>{title}</h2>
      <p>{text}</p>
      {detail && (
        <p className="quiet">
          Detail: <code>{detail}</code>
        </p>
      )}
      <div className="actions">
        {props.children}
        {props.onDismiss && (
          <button type="button" className="plain" onClick={props.onDismiss}>
            Dismiss
          </button>
        )}
      </div>
    </section>
  );
}
