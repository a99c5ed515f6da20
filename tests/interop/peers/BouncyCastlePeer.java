// A correspondent made of BouncyCastle: signs, verifies, encrypts, decrypts and compresses CMS.
//
// Streaming generators write indefinite lengths (BER), as peers on BouncyCastle do. Knows nothing of ours but the line
// protocol (line.py): one line asks, one answers.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.interfaces.RSAKey;
import java.security.spec.MGF1ParameterSpec;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.GCMParameters;
import org.bouncycastle.asn1.cms.Time;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSCompressedData;
import org.bouncycastle.cms.CMSCompressedDataStreamGenerator;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedDataStreamGenerator;
import org.bouncycastle.cms.CMSException;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.CMSTypedData;
import org.bouncycastle.cms.KeyAgreeRecipientId;
import org.bouncycastle.cms.KeyTransRecipientId;
import org.bouncycastle.cms.Recipient;
import org.bouncycastle.cms.RecipientId;
import org.bouncycastle.cms.RecipientInfoGenerator;
import org.bouncycastle.cms.RecipientInformationStore;
import org.bouncycastle.cms.RecipientOperator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SimpleAttributeTableGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyTransAuthEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.cms.jcajce.ZlibExpanderProvider;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

public final class BouncyCastlePeer {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private static byte[] sign(Map<String, byte[]> in) throws Exception {
        X509Certificate certificate = certificate(in.get("cert"));
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(
                new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider(BC).build())
                        .build(
                                new JcaContentSignerBuilder(text(in, "algorithm")).setProvider(BC).build(key(in.get("key"))),
                                certificate));
        generator.addCertificates(new JcaCertStore(List.of(certificate)));
        CMSTypedData content = new CMSProcessableByteArray(in.get("content"));
        return generator.generate(content, false).toASN1Structure().getEncoded("BER");
    }

    private static byte[] verify(Map<String, byte[]> in) throws Exception {
        CMSSignedData signed = new CMSSignedData(new CMSProcessableByteArray(in.get("content")), in.get("cms"));
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        if (signers.size() != 1) {
            throw new CMSException("not one signer");
        }
        SignerInformation signer = signers.iterator().next();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(certificate(in.get("cert"))))) {
            throw new CMSException("the signature does not hold");
        }
        return new byte[0];
    }

    private static byte[] encrypt(Map<String, byte[]> in) throws Exception {
        X509Certificate certificate = certificate(in.get("cert"));
        ASN1ObjectIdentifier content = new ASN1ObjectIdentifier(text(in, "algorithm"));
        boolean aead = text(in, "aead").equals("yes");
        boolean stream = text(in, "stream").equals("yes");
        RecipientInfoGenerator recipient = recipient(certificate, text(in, "transport"), text(in, "wrap"));
        JceCMSContentEncryptorBuilder builder = new JceCMSContentEncryptorBuilder(content).setProvider(BC);
        if (aead) {
            CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
            generator.addRecipientInfoGenerator(recipient);
            if (text(in, "attributes").equals("yes")) {
                generator.setAuthenticatedAttributeGenerator(new SimpleAttributeTableGenerator(attributes()));
            }
            OutputAEADEncryptor encryptor = (OutputAEADEncryptor) builder.build();
            return generator
                    .generate(new CMSProcessableByteArray(in.get("content")), encryptor)
                    .toASN1Structure()
                    .getEncoded(stream ? "BER" : "DER");
        }
        if (!stream) {
            CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
            generator.addRecipientInfoGenerator(recipient);
            return generator
                    .generate(new CMSProcessableByteArray(in.get("content")), builder.build())
                    .toASN1Structure()
                    .getEncoded("DER");
        }
        CMSEnvelopedDataStreamGenerator generator = new CMSEnvelopedDataStreamGenerator();
        generator.addRecipientInfoGenerator(recipient);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (OutputStream sink = generator.open(out, builder.build())) {
            sink.write(in.get("content"));
        }
        return out.toByteArray();
    }

    /** Two attributes that the tag covers, the longer one first: DER sorts them (RFC 5083 section 2.2). */
    private static AttributeTable attributes() {
        ASN1EncodableVector found = new ASN1EncodableVector();
        found.add(
                new Attribute(
                        new ASN1ObjectIdentifier("1.2.840.113549.1.9.16.2.4"),
                        new DERSet(new DERUTF8String("a content hint that is longer than the time"))));
        found.add(new Attribute(CMSAttributes.signingTime, new DERSet(new Time(new Date()))));
        return new AttributeTable(found);
    }

    private static RecipientInfoGenerator recipient(X509Certificate certificate, String transport, String wrap)
            throws Exception {
        if (certificate.getPublicKey() instanceof RSAKey) {
            if (transport.equals("pkcs1")) {
                return new JceKeyTransRecipientInfoGenerator(certificate).setProvider(BC);
            }
            OAEPParameterSpec oaep =
                    new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);
            AlgorithmIdentifier algorithm =
                    new JcaAlgorithmParametersConverter()
                            .getAlgorithmIdentifier(new ASN1ObjectIdentifier("1.2.840.113549.1.1.7"), oaep);
            return new JceKeyTransRecipientInfoGenerator(certificate, algorithm).setProvider(BC);
        }
        java.security.KeyPairGenerator ephemeral = java.security.KeyPairGenerator.getInstance("EC", BC);
        ephemeral.initialize(((java.security.interfaces.ECKey) certificate.getPublicKey()).getParams());
        java.security.KeyPair pair = ephemeral.generateKeyPair();
        return new JceKeyAgreeRecipientInfoGenerator(
                        CMSAlgorithm.ECDH_SHA256KDF, pair.getPrivate(), pair.getPublic(), new ASN1ObjectIdentifier(wrap))
                .addRecipient(certificate)
                .setProvider(BC);
    }

    private static byte[] decrypt(Map<String, byte[]> in) throws Exception {
        PrivateKey key = key(in.get("key"));
        boolean rsa = key instanceof RSAKey;
        RecipientInformationStore recipients;
        Recipient recipient;
        if (text(in, "aead").equals("yes")) {
            recipients = new CMSAuthEnvelopedData(in.get("cms")).getRecipientInfos();
            recipient = rsa ? new JceKeyTransAuthEnvelopedRecipient(key).setProvider(BC) : new Agreed(key);
        } else {
            recipients = new CMSEnvelopedData(in.get("cms")).getRecipientInfos();
            recipient =
                    rsa
                            ? new JceKeyTransEnvelopedRecipient(key).setProvider(BC)
                            : new JceKeyAgreeEnvelopedRecipient(key).setProvider(BC);
        }
        JcaX509CertificateHolder holder = new JcaX509CertificateHolder(certificate(in.get("cert")));
        RecipientId id =
                rsa
                        ? new KeyTransRecipientId(holder.getIssuer(), holder.getSerialNumber())
                        : new KeyAgreeRecipientId(holder.getIssuer(), holder.getSerialNumber());
        return recipients.get(id).getContent(recipient);
    }

    /** Key agreement for AuthEnvelopedData: BouncyCastle 1.72 unwraps the key, but has no class that goes on. */
    private static final class Agreed extends JceKeyAgreeRecipient {
        Agreed(PrivateKey key) {
            super(key);
            setProvider(BC);
        }

        @Override
        public RecipientOperator getRecipientOperator(
                AlgorithmIdentifier wrap,
                AlgorithmIdentifier content,
                org.bouncycastle.asn1.x509.SubjectPublicKeyInfo sender,
                org.bouncycastle.asn1.ASN1OctetString ukm,
                byte[] wrapped)
                throws CMSException {
            Key secret = extractSecretKey(wrap, content, sender, ukm, wrapped);
            return new RecipientOperator(new Opening(content, secret));
        }
    }

    /** AES-GCM by BouncyCastle's provider; the tag is the MAC that the structure hands over last. */
    private static final class Opening implements org.bouncycastle.operator.InputAEADDecryptor {
        private final AlgorithmIdentifier algorithm;
        private final Key key;
        Opening(AlgorithmIdentifier algorithm, Key key) {
            this.algorithm = algorithm;
            this.key = key;
        }

        @Override
        public AlgorithmIdentifier getAlgorithmIdentifier() {
            return algorithm;
        }

        @Override
        public OutputStream getAADStream() {
            return new ByteArrayOutputStream();
        }

        @Override
        public byte[] getMAC() {
            return new byte[0];
        }

        @Override
        public java.io.InputStream getInputStream(java.io.InputStream in) {
            try {
                GCMParameters parameters = GCMParameters.getInstance(algorithm.getParameters());
                Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", BC);
                cipher.init(
                        Cipher.DECRYPT_MODE,
                        key,
                        new GCMParameterSpec(parameters.getIcvLen() * 8, parameters.getNonce()));
                return new ByteArrayInputStream(cipher.doFinal(in.readAllBytes()));
            } catch (java.security.GeneralSecurityException | IOException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    private static byte[] compress(Map<String, byte[]> in) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (OutputStream sink = new CMSCompressedDataStreamGenerator().open(out, new ZlibCompressor())) {
            sink.write(in.get("content"));
        }
        return out.toByteArray();
    }

    private static byte[] decompress(Map<String, byte[]> in) throws Exception {
        return new CMSCompressedData(in.get("cms")).getContent(new ZlibExpanderProvider());
    }

    private static String text(Map<String, byte[]> in, String name) {
        return new String(in.getOrDefault(name, new byte[0]), StandardCharsets.US_ASCII);
    }

    private static X509Certificate certificate(byte[] pem) throws Exception {
        return (X509Certificate)
                java.security.cert.CertificateFactory.getInstance("X.509", BC)
                        .generateCertificate(new ByteArrayInputStream(pem));
    }

    private static PrivateKey key(byte[] pem) throws Exception {
        PEMParser parser = new PEMParser(new StringReader(new String(pem, StandardCharsets.US_ASCII)));
        Object found = parser.readObject();
        return new JcaPEMKeyConverter()
                .setProvider(BC)
                .getPrivateKey((org.bouncycastle.asn1.pkcs.PrivateKeyInfo) found);
    }

    private static byte[] run(String command, Map<String, byte[]> in) throws Exception {
        switch (command) {
            case "sign":
                return sign(in);
            case "verify":
                return verify(in);
            case "encrypt":
                return encrypt(in);
            case "decrypt":
                return decrypt(in);
            case "compress":
                return compress(in);
            case "decompress":
                return decompress(in);
            default:
                throw new IllegalArgumentException(command);
        }
    }

    public static void main(String[] arguments) throws IOException {
        Security.addProvider(new BouncyCastleProvider());
        PrintStream out = System.out;
        System.setOut(System.err);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            Map<String, byte[]> fields = new LinkedHashMap<>();
            for (int n = 1; n < words.length; n++) {
                int at = words[n].indexOf('=');
                fields.put(words[n].substring(0, at), Base64.getDecoder().decode(words[n].substring(at + 1)));
            }
            String answer;
            try {
                answer = "ok out=" + Base64.getEncoder().encodeToString(run(words[0], fields));
            } catch (Exception | Error error) {
                error.printStackTrace();
                byte[] reason = String.valueOf(error).getBytes(StandardCharsets.UTF_8);
                answer = "refused reason=" + Base64.getEncoder().encodeToString(reason);
            }
            out.println(answer);
            out.flush();
        }
    }
}
