import { createClient, ok } from 'platform-manager-client';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const client = createClient({ baseUrl: import.meta.env.VITE_API_URL ?? 'http://localhost:3000' });

/** The user's connections, loaded again with each change, whoever made it. */
function usePlatforms() {
  const [platforms, setPlatforms] = useState([]);
  useEffect(() => {
    const stop = new AbortController();
    const follow = async () => {
      for await (const { type } of client.events({ signal: stop.signal })) {
        if (type !== 'interrupted') setPlatforms(await ok(client.api.GET('/v1/platforms')));
      }
    };
    follow().catch((error) => console.error(error));
    return () => stop.abort();
  }, []);
  return platforms;
}

function Platforms() {
  const platforms = usePlatforms();
  return (
    <ul>
      {platforms.map(({ id, name, status }) => (
        <li key={id}>{`${name}: ${status}`}</li>
      ))}
    </ul>
  );
}

function SignIn({ onUser }) {
  const [problem, setProblem] = useState(null);
  const submit = (form) =>
    client.session.signIn(form.get('email'), form.get('password')).then(onUser, setProblem);
  return (
    <form action={submit}>
      <input name="email" type="email" aria-label="E-mail address" />
      <input name="password" type="password" aria-label="Password" />
      <button>Sign in</button>
      <p role="alert">{problem?.message}</p>
    </form>
  );
}

function App() {
  const [user, setUser] = useState(null);
  return user === null ? <SignIn onUser={setUser} /> : <Platforms />;
}

createRoot(document.getElementById('root')).render(<App />);
