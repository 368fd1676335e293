import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A PMU for part 6 that closes each connection right after its last message. */
public class Part6Ends {
    public static void main(String[] arguments) throws Exception {
        byte[] pem = Files.readAllBytes(Path.of(arguments[1]));
        Certificate certificate =
            CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem));
        String key = Files.readString(Path.of(arguments[2])).replaceAll("-----[A-Z ]+-----|\\s", "");
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(key));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("pmu", KeyFactory.getInstance("RSA").generatePrivate(encoded), new char[0],
            new Certificate[] {certificate});
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket door =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(Integer.parseInt(arguments[0]));
        while (true) {
            SSLSocket pdc = (SSLSocket) door.accept();
            byte[] command = new byte[64];
            int length = pdc.getInputStream().read(command);
            if (new String(command, 0, length).startsWith("CMD_short:")) {
                for (int number = 1; number <= 10; number++) {
                    pdc.getOutputStream().write(("This is PMU data " + number).getBytes());
                }
            }
            pdc.close();
        }
    }
}
