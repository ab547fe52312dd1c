import { useLayoutEffect } from 'preact/hooks';
import { Dialog } from '../ui/dialog.js';
import { SignInPage } from './sign-in.js';

/** Over the page, which keeps what was typed there. The backdrop hides it: somebody else may be sitting there. */
export function SignInAgain() {
  // Before the title of the form takes its place.
  useLayoutEffect(() => {
    const { title } = document;
    return () => (document.title = title);
  }, []);
  return (
    <Dialog title="Your session has expired" className="over" onClose={() => undefined}>
      <SignInPage />
    </Dialog>
  );
}
